"""What the demonstration is made of. Lines with `> ` are the customer's."""

NAMES = (
    "Maria Silva",
    "João Santos",
    "Ana Oliveira",
    "Pedro Souza",
    "Juliana Lima",
    "Carlos Pereira",
    "Fernanda Costa",
    "Rafael Almeida",
    "Patrícia Ferreira",
    "Lucas Rodrigues",
    "Camila Gomes",
    "Bruno Martins",
    "Aline Araújo",
    "Thiago Barbosa",
    "Larissa Ribeiro",
    "Diego Carvalho",
    "Beatriz Rocha",
    "Gustavo Dias",
    "Renata Moreira",
    "Felipe Nunes",
)
STORIES = {
    "vendas": (
        (
            "> Oi, vocês têm o tênis de corrida no 42?",
            "Oi! Temos sim, em preto e em azul.",
            "> Quanto fica no Pix?",
            "R$ 289,90, com 5% de desconto no Pix.",
            "> Quero o azul, como faço?",
        ),
        (
            "> Bom dia, quero um orçamento de 50 uniformes para a minha empresa",
            "Bom dia! Com bordado ou estampa?",
            "> Bordado. O orçamento precisa sair até sexta, sou eu que decido",
            "Perfeito, mando a proposta hoje à tarde.",
        ),
        ("> Vocês entregam em Curitiba?", "Entregamos em todo o Brasil, de 3 a 7 dias úteis."),
        ("> Dá para marcar uma visita na quinta às 15h?", "Dá sim! Fica marcado para quinta, às 15h."),
        (
            "> Tem desconto para quem leva dez camisetas?",
            "A partir de dez, 8% de desconto. Quer que eu monte o pedido?",
            "> Quero, seis M e quatro G",
            "Pronto, mandei o link de pagamento.",
            "> Pago ainda hoje, obrigado",
        ),
    ),
    "suporte": (
        (
            "> Boa tarde! Meu pedido 4821 ainda não chegou, já faz dez dias",
            "Boa tarde! Vou verificar com a transportadora.",
            "> Por favor, é presente de aniversário",
            "Está em rota de entrega e chega amanhã até as 18h.",
            "> Que bom, muito obrigada!",
        ),
        (
            "> Isso é um absurdo, o produto veio quebrado!!",
            "Sinto muito! Pode me mandar uma foto?",
            "> Já mandei por e-mail e ninguém responde",
            "Encontrei aqui. Enviamos um novo hoje, sem custo.",
        ),
        ("> Qual o horário de atendimento no sábado?", "Aos sábados, das 9h às 13h."),
        (
            "> Quero falar com um atendente",
            "Olá, aqui é do suporte. Como posso ajudar?",
            "> Quero trocar o endereço",
        ),
        (
            "> Como faço para trocar um produto?",
            "Em até 30 dias, com a nota.",
            "> E o frete?",
            "É grátis.",
        ),
        ("> Adorei o atendimento, nota dez!", "Que alegria ler isso, obrigada!"),
    ),
}
ARTICLES = (
    (
        "faq",
        "Qual é o horário de atendimento?",
        "De segunda a sexta, das 8h às 18h; aos sábados, das 9h às 13h.",
    ),
    ("faq", "Quais são as formas de pagamento?", "Pix, boleto e cartão em até 6 vezes sem juros."),
    ("faq", "Onde fica a loja?", "Na Rua das Flores, 123, no centro de São Paulo."),
    ("faq", "Vocês entregam em todo o Brasil?", "Sim, em todo o Brasil, de 3 a 7 dias úteis."),
    ("faq", "Como acompanho o meu pedido?", "Pelo link de rastreio que vai por e-mail no dia do envio."),
    ("faq", "Vocês emitem nota fiscal?", "Sim, a nota vai por e-mail com a confirmação do pagamento."),
    ("faq", "Tem desconto no Pix?", "Sim, 5% de desconto no pagamento por Pix."),
    ("policy", "Qual é o prazo de entrega?", "De 3 a 7 dias úteis, conforme a região."),
    ("policy", "Como faço para trocar um produto?", "Em até 30 dias, com a nota fiscal e o produto sem uso."),
    ("policy", "Quem paga o frete da troca?", "A primeira troca é por nossa conta."),
    (
        "policy",
        "Como cancelo um pedido?",
        "Antes do envio, por aqui; depois, pela devolução em 7 dias.",
    ),
    ("policy", "Qual é a garantia dos produtos?", "Noventa dias contra defeitos de fabricação."),
    ("product", "Quais tamanhos de tênis vocês têm?", "Do 34 ao 44, conforme o modelo."),
    ("product", "Vocês fazem uniformes?", "Sim, a partir de 20 peças, com bordado ou estampa."),
    ("product", "Como lavar as camisetas?", "À máquina, com água fria, do avesso."),
    ("product", "Os produtos têm tabela de medidas?", "Sim, em cada produto, com o tamanho em centímetros."),
    ("faq", "Vocês têm loja no shopping?", "Não, só a loja do centro e a loja virtual."),
    ("faq", "Como recebo um cupom?", "Pela lista de ofertas: responda OFERTAS nesta conversa."),
    ("policy", "Posso retirar na loja?", "Sim, em até 2 dias úteis depois do pagamento."),
    ("policy", "Vocês trocam presentes?", "Sim, com a etiqueta, mesmo sem a nota, por vale-compras."),
)
CAMPAIGN = {
    "name": "Volta às aulas",
    "messageTemplate": "Olá, {{clienteNome}}! Uniformes com 10% de desconto até sexta.",
}
MEETINGS = ("Visita: orçamento de uniformes", "Apresentação da proposta", "Retorno: pedido corporativo")
