// A stretch of the timeline, chosen by dragging, becomes the window of the page.

const SVG = "http://www.w3.org/2000/svg";

export function makeBrush(root) {
  const timeline = root.querySelector("svg.timeline");
  if (!timeline) return;
  timeline.classList.add("can-brush");
  const hint = root.querySelector("#brush-hint");
  if (hint) hint.hidden = false;
  let start = null;
  let brush = null;

  timeline.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    start = place(event);
    brush = document.createElementNS(SVG, "rect");
    brush.setAttribute("class", "brush");
    brush.setAttribute("height", "100");
    timeline.append(brush);
    timeline.setPointerCapture(event.pointerId);
  });
  timeline.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const [from, till] = [start, place(event)].sort((a, b) => a - b);
    brush.setAttribute("x", `${from * 100}%`);
    brush.setAttribute("width", `${(till - from) * 100}%`);
  });
  timeline.addEventListener("pointerup", (event) => {
    if (start === null) return;
    const [from, till] = [start, place(event)].sort((a, b) => a - b);
    start = null;
    brush.remove();
    if (till - from > 0.004) narrow(from, till);
  });
  timeline.addEventListener("pointercancel", () => {
    start = null;
    brush?.remove();
  });

  function place(event) {
    const box = timeline.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  }

  function narrow(from, till) {
    const since = Date.parse(timeline.dataset.since);
    const length = Date.parse(timeline.dataset.till) - since;
    const address = new URL(location.href);
    for (const name of ["last", "before", "after", "follow"]) address.searchParams.delete(name);
    address.searchParams.set("since", written(since + from * length));
    address.searchParams.set("till", written(since + till * length));
    location.assign(address);
  }
}

function written(moment) {
  return new Date(moment).toISOString().slice(0, 19);
}

makeBrush(document);
