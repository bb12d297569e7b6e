// Elements, and lists of which only what has changed is touched: focus stays, and a screen reader says only what is new.

export const $ = (id) => document.getElementById(id);

export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) key.startsWith("on") ? element.addEventListener(key.slice(2), value) : element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

export function renew(list, items, build, change) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const known = new Map([...list.children].map((one) => [one.dataset.id, one]));
  items.forEach((item, place) => {
    const element = known.get(item.id) ?? build(item);
    element.dataset.id = item.id;
    change(element, item);
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
  });
  while (list.children.length > items.length) list.lastChild.remove();
  if (focused?.isConnected) focused.focus();
}

// A list of messages, the newest in sight.
export function talk(list, bubbles) {
  const last = list.lastChild?.dataset.id;
  renew(list, bubbles, () => make("li", {}, make("span"), make("small")), (element, { kind, text, note }) => {
    element.className = `bubble ${kind}`;
    write(element.firstChild, text);
    write(element.lastChild, note);
  });
  if (list.lastChild?.dataset.id !== last) list.scrollTop = list.scrollHeight;
}
