// @ts-check

/** The button under which ticked jobs are compared says how many they are, and waits for two. */
export function startCompareChoice() {
  const button = document.querySelector("button[data-compare]");
  if (!(button instanceof HTMLButtonElement)) return;
  const count = () => {
    const ticked = document.querySelectorAll("input[name=jobs]:checked").length;
    button.disabled = ticked < 2;
    button.textContent = ticked < 2 ? "Compare" : `Compare ${ticked}`;
    button.title = ticked < 2 ? "Tick the jobs to compare" : "";
  };
  document.addEventListener("change", count);
  // A list that was drawn anew may have lost a job; a page that is gone back to keeps its ticks.
  document.addEventListener("htmx:after:swap", count);
  addEventListener("pageshow", count);
  count();
}
