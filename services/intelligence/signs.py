"""What shows budget, authority, need and timeline in a sentence: patterns over folded text.

Folded is lower case, without accents and punctuation. Each kind has what denies it, or how sure it is.
"""

BUDGET = (
    r"\borcamento (?:aprovado|de|e de|disponivel)\b",
    r"\b(?:temos|tenho|ha) (?:uma )?(?:verba|orcamento|budget)\b",
    r"\bverba (?:de|aprovada|disponivel)\b",
    r"\b(?:ate|teto|maximo|em torno de|uns|cerca de) (?:(?:e|de|r) )*\d+",
    r"\b(?:pagar|gastar|investir|investimento)\b",
    r"\b(?:quanto (?:custa|fica|sai|e|seria)|qual o (?:valor|preco|investimento|custo))\b",
    r"\b(?:precos?|valores|custo|orcamento)\b",
)
NO_BUDGET = (
    r"\b(?:nao (?:temos|tenho|ha|tem)|sem) (?:\w+ )?(?:verba|dinheiro|orcamento|condicoes|budget|grana)\b",
    r"\bfora do (?:nosso |meu )?orcamento\b",
)
AUTHORITY = (
    r"\b(?:sou|como) (?:o |a |um dos |uma das )?(?:soci[oa]s?|don[oa]s?|proprietari[oa]s?|diretor[ae]?s?|ceo|"
    r"presidente|fundador[ae]?|gerente|responsavel|gestor[a]?|coordenador[a]?)\b",
    r"\b(?:quem decide sou eu|eu (?:mesmo |mesma )?decido|"
    r"sou eu (?:quem|que) (?:decid\w+|aprov\w+|compr\w+))\b",
    r"\b(?:posso|consigo) (?:fechar|aprovar|assinar|decidir)\b",
    r"\b(?:meu|minha|o|a|nosso|nossa) (?:chefe|diretor[a]?|soci[oa]|gerente|marido|esposa|comite|financeiro|"
    r"patrao|presidente) (?:\w+ )?"
    r"(?:aprova|decide|autoriza|precisa aprovar|tem que aprovar|vai aprovar|assina)\b",
)
NO_AUTHORITY = (
    r"\bnao sou eu (?:quem|que) \w+",
    r"\b(?:nao decido|nao tenho autonomia|nao posso decidir)\b",
)
DECIDES = (
    r"\b(?:sou|como) (?:o |a |um dos |uma das )?(?:soci[oa]s?|don[oa]s?|proprietari[oa]s?|diretor[ae]?s?|ceo|"
    r"presidente|fundador[ae]?)\b",
    r"\b(?:quem decide sou eu|eu (?:mesmo |mesma )?decido|"
    r"sou eu (?:quem|que) (?:decid\w+|aprov\w+|compr\w+))\b",
    r"\b(?:posso|consigo) (?:fechar|aprovar|assinar|decidir)\b",
)
NEED = (
    r"\b(?:precis[oa]\w*|necessit\w+|estamos precisando)\b",
    r"\b(?:perdendo|dificuldade|problemas? com|nao (?:damos|dou) conta|sofrendo com|cansad[oa]s? d[eo])\b",
    r"\b(?:procur(?:o|ando|amos)|busc(?:o|ando|amos)) "
    r"(?:um|uma|alguem|algo|empresa|parceir\w|solucao|fornecedor)\b",
    r"\b(?:quero|queremos|queria|gostaria de) (?:\w+ )?"
    r"(?:contratar|comprar|implantar|trocar|resolver|melhorar|automatizar|organizar|assinar|adquirir|fechar)\b",
    r"\b(?:atrasa demais|vive (?:caindo|travando|dando problema)|nao atende mais)\b",
)
NO_NEED = (r"\b(?:nao precis\w+|nao (?:quero|queremos|temos interesse))\b",)
IMMEDIATE = (
    r"\b(?:urgente|urgencia|hoje|agora mesmo|imediat\w+|o quanto antes|pra ontem|ja nesta? semana)\b",
)
WEEKS = (
    r"\b(?:n?est[ae] semana|ess[ae] semana|semana que vem|proxima semana|ate (?:segunda|terca|quarta|quinta|"
    r"sexta|sabado)|quinze dias|15 dias|duas semanas)\b",
)
MONTH = (r"\b(?:mes que vem|proximo mes|ate o (?:fim|final) do mes|um mes|30 dias|este mes|esse mes)\b",)
SOMEDAY = (
    r"\b(?:sem pressa|mais (?:pra|para) (?:frente|a frente)|ano que vem|sem (?:data|previsao) definida|"
    r"no futuro|depois eu vejo)\b",
)
HEDGE = (r"\b(?:talvez|quem sabe|se der|nao sei se)\b",)
HIGH = (
    *IMMEDIATE,
    r"\b(?:preciso muito|nao aguento mais|parad[oa]|perdendo (?:venda|cliente|dinheiro)\w*)\b",
)
LOW = (*SOMEDAY, r"\b(?:so (?:pesquisando|curiosidade|sondando|levantando))\b")
SUPPORT = (
    r"\b(?:boleto|segunda via|senha|rastre\w+|nota fiscal|cancel\w+|defeito|troca|reclam\w+|reembolso)\b",
)
ASKING = (r"\b(?:qual|quais|quando|onde|como|tem|voces)\b",)
