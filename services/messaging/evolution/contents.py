"""What a message says: its type, the text to show and the details, from every shape Evolution sends."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from services.messaging.evolution.values import (
    elements,
    fields,
    integer,
    number,
    octets,
    present,
    text,
)
from services.messaging.inbound import Media

DEEPEST = 8
LARGEST_RAW = 4096
LONGEST_QUOTE = 200
MEDIA_TYPES = {"image", "audio", "video", "document", "sticker"}
BESIDE_CONTENT = {
    "base64",
    "chatwootConversationId",
    "chatwootInboxId",
    "chatwootMessageId",
    "conversation",
    "mediaUrl",
    "messageContextInfo",
    "speechToText",
}
SILENT = {
    "encCommentMessage",
    "encReactionMessage",
    "fastRatchetKeySenderKeyDistributionMessage",
    "keepInChatMessage",
    "pinInChatMessage",
    "pollUpdateMessage",
    "senderKeyDistributionMessage",
}
SPOKEN = "[audio]"  # what Evolution puts before the words of an audio
CONTROL = {"protocolMessage", "reactionMessage"}
PHONE_IN_VCARD = re.compile(r"^[^\n:]*TEL([^\n:]*):([^\n]*)", re.MULTILINE)
WAID = re.compile(r"waid=(\d+)")

Details = tuple[str | None, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Core:
    """A message without its wrappers: the key that names its content, and what was around it."""

    name: str
    node: Any
    wrappers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    message_type: str
    text: str
    metadata: dict[str, Any]
    media: Media | None = None
    transcription: str | None = None


def core(message: dict[str, Any], message_type: str | None = None) -> Core | None:
    """Find the content, however deep and whatever lies beside it; None where there is nothing to show."""
    wrappers: tuple[str, ...] = ()
    for _ in range(DEEPEST):
        for name, node in message.items():
            if (name in READERS or name in CONTROL) and node:
                return Core(name, node, wrappers)
        wrapper = next((name for name, node in message.items() if is_wrapper(node)), None)
        if wrapper is None:
            break
        wrappers, message = (*wrappers, wrapper), message[wrapper]["message"]
    if message_type in READERS and message_type != "conversation":  # the EVOLUTION channel echoes media so
        return Core(message_type, {}, wrappers)
    unknown = next((name for name in message if name not in BESIDE_CONTENT and name not in SILENT), None)
    return Core(unknown, message[unknown], wrappers) if unknown else None


def is_wrapper(node: object) -> bool:
    """Ephemeral, view once, edited, sent from another device, ...: all hold `{message: {...}}`."""
    return isinstance(node, dict) and isinstance(node.get("message"), dict)


def read(found: Core, message: dict[str, Any]) -> Content:
    """`message` is the outermost one: what Evolution adds (the file, a transcription) lies there."""
    if found.name == "conversation" and isinstance(found.node, str):
        return Content("text", found.node, {})
    node = fields(found.node)
    if found.name not in READERS:
        return Content("unknown", f"[{found.name}]", raw({found.name: found.node}))
    message_type, reader, placeholder = READERS[found.name]
    shown, metadata = reader(node)
    if any(wrapper.startswith("viewOnce") for wrapper in found.wrappers) or node.get("viewOnce") is True:
        metadata["viewOnce"] = True
    media = attachment(node, message) if message_type in MEDIA_TYPES else None
    spoken = (text(message.get("speechToText")) or "").removeprefix(SPOKEN).strip()
    return Content(message_type, shown or placeholder, metadata, media, spoken or None)


def attachment(node: dict[str, Any], message: dict[str, Any]) -> Media:
    """WhatsApp's own URLs are left out: what is behind them is encrypted, and expires."""
    checksum = octets(node.get("fileSha256") or node.get("sha256"))
    return Media(
        mimetype=text(node.get("mimetype")) or text(node.get("mime_type")),
        file_name=text(node.get("fileName")) or text(node.get("filename")) or text(node.get("title")),
        size=integer(node.get("fileLength")),
        sha256=checksum.hex() if checksum else None,
        base64=text(message.get("base64")),
        url=text(message.get("mediaUrl")),
        external_id=text(node.get("id")),
    )


def quoted(context: dict[str, Any]) -> dict[str, Any] | None:
    if text(context.get("stanzaId")) is None:
        return None
    message = fields(context.get("quotedMessage"))
    found = core(message)
    shown = read(found, message).text if found and found.name not in CONTROL else None
    return present(
        participant=text(context.get("participant")), text=shown[:LONGEST_QUOTE] if shown else None
    )


def context_details(context: dict[str, Any]) -> dict[str, Any]:
    """What the context says about a message: quote, forward, mentions and the advertisement it came from."""
    advertisement = fields(context.get("externalAdReply"))
    names = ("title", "body", "sourceType", "sourceId", "sourceUrl", "ctwaClid")
    mentions = [jid for jid in elements(context.get("mentionedJid")) if text(jid)]
    return present(
        quoted=quoted(context),
        forwarded=True if context.get("isForwarded") is True else None,
        mentions=mentions or None,
        ad=present(**{name: text(advertisement.get(name)) for name in names}) or None,
    )


def raw(message: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"raw": message} if len(orjson.dumps(message)) <= LARGEST_RAW else {}
    except orjson.JSONEncodeError:  # nested deeper than orjson writes
        return {}


def nothing(node: dict[str, Any]) -> Details:
    return None, {}


def extended_text(node: dict[str, Any]) -> Details:
    return text(node.get("text")), present(linkTitle=text(node.get("title")))


def caption(node: dict[str, Any]) -> Details:
    return text(node.get("caption")), {}


def audio(node: dict[str, Any]) -> Details:
    voice = node.get("ptt") is True or node.get("voice") is True
    return None, present(seconds=integer(node.get("seconds")), ptt=voice)


def video(node: dict[str, Any]) -> Details:
    gif = True if node.get("gifPlayback") is True else None
    return text(node.get("caption")), present(seconds=integer(node.get("seconds")), gif=gif)


def document(node: dict[str, Any]) -> Details:
    name = text(node.get("fileName")) or text(node.get("filename")) or text(node.get("title"))
    metadata = present(fileName=name, pageCount=integer(node.get("pageCount")))
    return text(node.get("caption")) or name, metadata


def sticker(node: dict[str, Any]) -> Details:
    return None, {"animated": node.get("isAnimated") is True or node.get("animated") is True}


def vcard_phones(vcard: str) -> list[str]:
    found = []
    for parameters, value in PHONE_IN_VCARD.findall(vcard):
        waid = WAID.search(parameters)
        found.append(waid.group(1) if waid else value.strip())
    return found


def card(node: dict[str, Any]) -> dict[str, Any]:
    vcard = text(node.get("vcard"))
    numbers = vcard_phones(vcard) if vcard else None
    return present(displayName=text(node.get("displayName")), vcard=vcard, phones=numbers)


def contact(node: dict[str, Any]) -> Details:
    details = card(node)
    return details.pop("displayName", None), details


def contacts(node: dict[str, Any]) -> Details:
    cards = [card(one) for one in elements(node.get("contacts")) if isinstance(one, dict)]
    return f"📇 {len(cards)} contato(s)", {"contacts": cards}


def location(node: dict[str, Any]) -> Details:
    place = text(node.get("name")) or text(node.get("address")) or text(node.get("caption"))
    return place, present(
        latitude=number(node.get("degreesLatitude")),
        longitude=number(node.get("degreesLongitude")),
        name=text(node.get("name")),
        address=text(node.get("address")),
        url=text(node.get("url")),
    )


def live_location(node: dict[str, Any]) -> Details:
    place, metadata = location(node)
    return place, {**metadata, "live": True}


def poll(node: dict[str, Any]) -> Details:
    options = [text(fields(option).get("optionName")) for option in elements(node.get("options"))]
    count = integer(node.get("selectableOptionsCount"))
    metadata = present(options=[option for option in options if option], selectableCount=count)
    return text(node.get("name")), metadata


def button_response(node: dict[str, Any]) -> Details:
    chosen = text(node.get("selectedButtonId")) or text(node.get("selectedId"))
    return text(node.get("selectedDisplayText")) or chosen, present(selectedId=chosen)


def list_response(node: dict[str, Any]) -> Details:
    row = text(fields(node.get("singleSelectReply")).get("selectedRowId"))
    shown = text(node.get("title")) or text(node.get("description")) or row
    return shown, present(rowId=row, description=text(node.get("description")))


def interactive_response(node: dict[str, Any]) -> Details:
    flow = fields(node.get("nativeFlowResponseMessage"))
    params = nested(flow.get("paramsJson"))
    shown = text(fields(node.get("body")).get("text")) or text(params.get("display_text"))
    return shown or text(flow.get("name")), present(selectedId=text(params.get("id")), params=params or None)


def nested(value: object) -> dict[str, Any]:
    """JSON inside a JSON string; its own escaped NUL would be refused by PostgreSQL."""
    try:
        return fields(orjson.loads((text(value) or "{}").replace("\\u0000", "")))
    except orjson.JSONDecodeError:
        return {}


def interactive(node: dict[str, Any]) -> Details:
    hydrated = fields(node.get("hydratedTemplate")) or fields(node.get("hydratedFourRowTemplate"))
    candidates = (
        fields(node.get("body")).get("text"),
        node.get("contentText"),
        hydrated.get("hydratedContentText"),
        node.get("title"),
        hydrated.get("hydratedTitleText"),
        node.get("description"),
        fields(node.get("header")).get("title"),
    )
    shown = next((candidate for candidate in candidates if text(candidate)), None)
    return shown, present(options=choices(node, hydrated) or None)


def choices(node: dict[str, Any], hydrated: dict[str, Any]) -> list[str]:
    """The labels a customer can tap, of buttons, lists, templates and native flows alike."""
    labels = [
        fields(fields(one).get("buttonText")).get("displayText") for one in elements(node.get("buttons"))
    ]
    for section in elements(node.get("sections")):
        labels += [fields(row).get("title") for row in elements(fields(section).get("rows"))]
    for button in elements(hydrated.get("hydratedButtons")):
        labels += [fields(kind).get("displayText") for kind in fields(button).values()]
    for button in elements(fields(node.get("nativeFlowMessage")).get("buttons")):
        labels.append(nested(fields(button).get("buttonParamsJson")).get("display_text"))
    return [label for label in map(text, labels) if label]


READERS: dict[str, tuple[str, Callable[[dict[str, Any]], Details], str]] = {
    "conversation": ("text", nothing, ""),
    "extendedTextMessage": ("text", extended_text, ""),
    "imageMessage": ("image", caption, "📷 Imagem"),
    "audioMessage": ("audio", audio, "🎵 Áudio"),
    "videoMessage": ("video", video, "🎥 Vídeo"),
    "ptvMessage": ("video", video, "🎥 Vídeo"),
    "documentMessage": ("document", document, "📄 Documento"),
    "stickerMessage": ("sticker", sticker, "🎨 Sticker"),
    "contactMessage": ("contact", contact, "📇 Contato"),
    "contactsArrayMessage": ("contacts", contacts, "📇 Contato"),
    "locationMessage": ("location", location, "📍 Localização"),
    "liveLocationMessage": ("location", live_location, "📍 Localização"),
    "pollCreationMessage": ("poll", poll, "📊 Enquete"),
    "pollCreationMessageV2": ("poll", poll, "📊 Enquete"),
    "pollCreationMessageV3": ("poll", poll, "📊 Enquete"),
    "buttonsResponseMessage": ("button_response", button_response, "[button_response]"),
    "templateButtonReplyMessage": ("button_response", button_response, "[button_response]"),
    "listResponseMessage": ("list_response", list_response, "[list_response]"),
    "interactiveResponseMessage": ("interactive_response", interactive_response, "[interactive_response]"),
    "buttonsMessage": ("interactive", interactive, "[interactive]"),
    "listMessage": ("interactive", interactive, "[interactive]"),
    "templateMessage": ("interactive", interactive, "[interactive]"),
    "interactiveMessage": ("interactive", interactive, "[interactive]"),
}
