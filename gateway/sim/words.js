// The page's words, in Portuguese and in English.

export const WORDS = {
  pt: {
    other: "English", title: "Convo Insight: simulador", welcome: "Entrar", enter: "Entrar", email: "E-mail", password: "Senha", send: "Enviar", answerButton: "Responder",
    welcomeText: "O primeiro a entrar vira o administrador. Só nesta máquina.", inbox: "Caixa de entrada", events: "Eventos", mode: "Quem responde",
    customer: "Celular de", ai: "IA", human: "Pessoa", hybrid: "Híbrido", connected: "ao vivo", connecting: "conectando…", nobody: "Ninguém escreveu ainda. Comece pelo celular.",
    sources: "Fontes", escalated: "A IA chamou uma pessoa", positive: "😊 positivo", neutral: "😐 neutro", negative: "☹️ negativo", by: "IA", phoneHint: "Escreva como cliente", replyHint: "Responda como atendente",
  },
  en: {
    other: "Português", title: "Convo Insight: simulator", welcome: "Sign in", enter: "Sign in", email: "E-mail", password: "Password", send: "Send", answerButton: "Answer",
    welcomeText: "The first to sign in becomes the administrator. On this machine only.", inbox: "Inbox", events: "Events", mode: "Who answers",
    customer: "Phone of", ai: "AI", human: "Person", hybrid: "Hybrid", connected: "live", connecting: "connecting…", nobody: "Nobody has written yet. Begin on the phone.",
    sources: "Sources", escalated: "The AI has called a person", positive: "😊 positive", neutral: "😐 neutral", negative: "☹️ negative", by: "AI", phoneHint: "Write as the customer", replyHint: "Answer as an agent",
  },
};
