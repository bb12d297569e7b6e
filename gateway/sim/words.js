// The page's words, in Portuguese and in English.

export const WORDS = {
  pt: {
    other: "English", title: "Convo Insight: simulador", enter: "Entrar", leave: "Sair", email: "E-mail", password: "Senha", send: "Enviar", answerButton: "Responder",
    welcomeText: "Quem ainda não tem conta ganha uma; a primeira é a do administrador. Só nesta máquina.",
    inbox: "Caixa de entrada", events: "Eventos", mode: "Quem responde", customer: "Celular de", ai: "IA", human: "Pessoa", hybrid: "Híbrido",
    connected: "ao vivo", connecting: "conectando…", phoneHint: "Escreva como cliente", replyHint: "Responda como atendente",
    nobody: "Ninguém escreveu ainda. Comece pelo celular.", choose: "Escolha uma conversa.", gone: "A conversa passou para outra pessoa.",
    unreachable: "O sistema não responde. Ele está no ar?", unconnected: "O número simulado ainda não está ligado: entre uma vez como administrador.",
    admin: "administrador", supervisor: "supervisor", agent: "atendente",
    positive: "😊 positivo", neutral: "😐 neutro", negative: "☹️ negativo",
    sources: "Fontes", sending: "enviando", sent: "enviada", delivered: "entregue", read: "lida", failed: "falhou", unknown: "sem confirmação",
    image: "📷 imagem", audio: "🎤 áudio", video: "🎬 vídeo", document: "📄 documento",
    escalated: "Uma pessoa foi chamada", resolve: "Resolver", keyword_match: "o cliente pediu", customer_request: "o cliente pediu", negative_sentiment: "cliente insatisfeito",
    max_replies: "muitas respostas da IA", low_confidence: "a IA não tem certeza", ai_suggested: "a IA sugeriu", ai_failure: "a IA falhou", manual: "um atendente pediu",
  },
  en: {
    other: "Português", title: "Convo Insight: simulator", enter: "Sign in", leave: "Sign out", email: "E-mail", password: "Password", send: "Send", answerButton: "Answer",
    welcomeText: "Who has no account yet is given one; the first is the administrator's. On this machine only.",
    inbox: "Inbox", events: "Events", mode: "Who answers", customer: "Phone of", ai: "AI", human: "Person", hybrid: "Hybrid",
    connected: "live", connecting: "connecting…", phoneHint: "Write as the customer", replyHint: "Answer as an agent",
    nobody: "Nobody has written yet. Begin on the phone.", choose: "Choose a conversation.", gone: "The conversation has gone to somebody else.",
    unreachable: "The system does not answer. Is it up?", unconnected: "The simulated number is not connected yet: sign in once as an administrator.",
    admin: "administrator", supervisor: "supervisor", agent: "agent",
    positive: "😊 positive", neutral: "😐 neutral", negative: "☹️ negative",
    sources: "Sources", sending: "sending", sent: "sent", delivered: "delivered", read: "read", failed: "failed", unknown: "not confirmed",
    image: "📷 picture", audio: "🎤 audio", video: "🎬 video", document: "📄 document",
    escalated: "A person was called", resolve: "Resolve", keyword_match: "the customer asked", customer_request: "the customer asked", negative_sentiment: "an unhappy customer",
    max_replies: "many answers of the AI", low_confidence: "the AI is not sure", ai_suggested: "the AI suggests it", ai_failure: "the AI has failed", manual: "an agent asked",
  },
};
