// Building elements. Strings only ever become text nodes or attributes, so
// nothing that a bot or a host wrote can become markup.

export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

function fill(el, props, children) {
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else el.setAttribute(key, value === true ? "" : String(value));
  }
  el.append(...children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false));
  return el;
}

// Only these lead anywhere; javascript: and the like stay text.
export function safeLink(url) {
  return /^(https?:\/\/|mailto:|\/files\/|\/archives\/)/i.test(url ?? "");
}

// A picture is shown only from this server: the sandbox works without network.
export function localPath(url) {
  try {
    const u = new URL(url, location.href);
    return u.origin === location.origin ? u.pathname : "";
  } catch {
    return "";
  }
}
