"""Every RPC of the intelligence service, and the function that answers it."""

from protos.intelligence_pb2_grpc import IntelligenceServicer
from services.intelligence import (
    agents,
    bant,
    capabilities,
    categories,
    compositions,
    examples,
    extraction,
    feedback,
    handoffs,
    replies,
    sentiment,
    suggestions,
    summaries,
    templates,
)
from services.kit.rpc import Door, command, query, workflow


class Intelligence(Door, IntelligenceServicer):
    Respond = workflow(replies.respond)
    ComposeMessage = workflow(compositions.compose)
    SuggestReplies = workflow(suggestions.suggest)
    Learn = workflow(feedback.learn)
    AnalyzeSentiment = workflow(sentiment.analyze)
    SummarizeConversation = workflow(summaries.summarize)
    CategorizeConversation = workflow(categories.categorize)
    ExtractKnowledge = workflow(extraction.extract)
    GetConfig = workflow(agents.get)
    UpdateConfig = workflow(agents.update)
    GetStatus = workflow(capabilities.status)
    ListTemplates = query(templates.list_templates)
    CreateTemplate = command(templates.create)
    UpdateTemplate = command(templates.change)
    DeleteTemplate = command(templates.remove)
    ListExamples = query(examples.list_examples)
    CreateExample = command(examples.create)
    UpdateExample = command(examples.change)
    DeleteExample = command(examples.remove)
    AnalyzeBant = workflow(bant.analyze, callers=("sales",))
    PrepareHandoff = workflow(handoffs.prepare, callers=("campaigns",))
    CountLearning = query(examples.totals, callers=("knowledge",))
