// Elements without HTML strings: every text becomes a text node, so nothing needs escaping.

/** Returns a new element; properties are attributes, or listeners where they start with "on". */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Shows a sentence below the title; an error is announced and stays in sight. */
export function say(text, isError = false) {
  const status = document.getElementById("status");
  status.textContent = text;
  status.className = isError ? "error" : "muted";
}

/** Takes an earlier error away when something new is tried. */
export function settle() {
  const status = document.getElementById("status");
  if (document.body.dataset.ready && status.className === "error") say("Ready.");
}

/** Shows what went wrong in words, and keeps the rest in the console. */
export function report(error) {
  say(`Something went wrong: ${error.message ?? error}`, true);
  console.error(error);
}

/**
 * Returns f(value) that runs `task` one at a time and only ever for the newest value: a drag
 * makes more events than a decoder can follow.
 */
export function latest(task) {
  let waiting = null;
  let busy = false;
  return async (value) => {
    waiting = { value };
    if (busy) return;
    busy = true;
    try {
      while (waiting) {
        const next = waiting.value;
        waiting = null;
        await task(next);
      }
    } catch (error) {
      report(error);
    } finally {
      busy = false;
    }
  };
}

/**
 * Lets one pointer at a time drag on an element: no second finger, no drag that began elsewhere.
 * `press(place)` hears where it starts, `drag(place)` of every move until it is lifted; a place is
 * [x, y] in shares of the element's width and height.
 */
export function draggable(element, press, drag) {
  let pointer = null;
  const place = ({ clientX, clientY }) => {
    const box = element.getBoundingClientRect();
    return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    element.focus();
    element.setPointerCapture(event.pointerId);
    pointer = event.pointerId;
    press(place(event));
  });
  element.addEventListener("pointermove", (event) => {
    if (!event.buttons || event.pointerId !== pointer) return;
    event.preventDefault();
    drag(place(event));
  });
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
    element.addEventListener(kind, (event) => {
      if (event.pointerId === pointer) pointer = null;
    });
  }
}

/** Returns f() that calls `task` once, `delay` ms after the last call. */
export function debounced(task, delay) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(task, delay);
  };
}

/** A number with a sign of fixed width, for readouts that do not jump. */
export function number(value) {
  return (value < 0 ? "\u2212" : "") + Math.abs(value).toFixed(2);
}
