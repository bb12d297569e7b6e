"""What a conversation's messages say, and whose turn it is."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from protos.messaging_pb2 import Message

LONGEST = 4000
TEXTS = {"text", "button_response", "list_response", "interactive_response"}


def text_of(message: Message) -> str:
    """What was said: the text, the words of an audio, or what stands for a file. A flood is cut."""
    if message.audio_transcription:
        return message.audio_transcription[:LONGEST]
    if not message.media_url and message.message_type in TEXTS:
        return message.content[:LONGEST]
    return f"[{message.message_type}] {message.content[:LONGEST]}".strip()


def has_words(message: Message) -> bool:
    return bool(message.audio_transcription or (message.message_type in TEXTS and message.content.strip()))


def by_customer(message: Message) -> bool:
    return not message.is_from_me


def last_customer_message(messages: Sequence[Message]) -> Message | None:
    return next((message for message in reversed(messages) if by_customer(message)), None)


def unanswered_until(messages: Sequence[Message], target: Message) -> list[Message]:
    """The customer's messages since somebody last answered, up to the target: one question in pieces."""
    burst: list[Message] = []
    for message in messages:
        burst = [*burst, message] if by_customer(message) else []
        if message.id == target.id:
            break
    return burst


def is_answered(messages: Sequence[Message], target: Message) -> bool:
    """By what was here first, as messaging sees it: who wrote before it came has not answered it.

    Whoever answers on the phone reads it there, however late it comes to us.
    """
    ids = [message.id for message in messages]
    later = messages[ids.index(target.id) + 1 :]
    return any(one.is_from_me and one.created_at >= target.created_at for one in messages) or any(
        one.origin == "phone" for one in later
    )


def keyword_in(text: str, keywords: Iterable[str]) -> str | None:
    """The first keyword that the text holds as whole words, whatever case and accents."""
    said = f" {fold(text)} "
    return next((word for word in keywords if fold(word) and f" {fold(word)} " in said), None)


def fold(text: str) -> str:
    """Lower case, no accents, no punctuation, single spaces."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", bare))
