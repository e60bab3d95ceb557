// The viewer's own time beside every time in UTC.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const format = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  timeZoneName: "short",
});

export function addLocalTimes(root) {
  if (zone === "UTC") return;
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    time.dataset.local = "";
    const local = document.createElement("span");
    local.className = "local";
    local.textContent = format.format(new Date(time.dateTime));
    time.after(" ", local);
  }
}

addLocalTimes(document);
