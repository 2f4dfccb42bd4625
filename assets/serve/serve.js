// What `build.py serve` adds to every page: reload it when it was built anew, and show the faults of the last build.
const script = document.currentScript;
const events = new EventSource(script.dataset.events);

events.onmessage = ({ data }) => {
  const { page, faults } = JSON.parse(data);
  if (faults.length === 0 && page !== script.dataset.page) location.reload();
  else show(faults);
};

/** Lay the faults over the page; none takes them away again. */
function show(faults) {
  document.getElementById("serve-faults")?.remove();
  if (faults.length === 0) return;
  const panel = document.createElement("section");
  panel.id = "serve-faults";
  panel.lang = "en";
  panel.dir = "ltr";
  panel.setAttribute("role", "alert");
  const title = document.createElement("h2");
  title.textContent = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  const list = document.createElement("ol");
  for (const fault of faults) {
    const item = list.appendChild(document.createElement("li"));
    const place = /^\S+?\.\w+(:\d+)?(?=: )/.exec(fault)?.[0];
    if (place) {
      item.appendChild(document.createElement("code")).textContent = place;
      item.append(` ${fault.slice(place.length + 2)}`);
    } else item.textContent = fault;
  }
  const hint = document.createElement("p");
  hint.textContent = "The page below is the last one that could be built. It is built again when a file is saved.";
  panel.append(title, list, hint);
  document.body.append(panel);
}
