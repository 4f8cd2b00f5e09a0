/** Every shortcut, as `static/keyboard.js` knows them. */
const SHORTCUTS: readonly (readonly [keys: string[], does: string])[] = [
  [["j", "k"], "Next, previous in the list"],
  [["Enter"], "Open"],
  [["p"], "Pause or resume"],
  [["t"], "Test"],
  [["c"], "Save a checkpoint"],
  [["f"], "Fork…"],
  [["m"], "Merge…"],
  [["i"], "Inspect the samples"],
  [["/"], "Search"],
  [["g", "h"], "Go to all jobs"],
  [["g", "s"], "Go to the session"],
  [["?"], "This list"],
];

/** The list of keyboard shortcuts, opened with `?`. */
export function ShortcutsDialog() {
  return (
    <dialog id="shortcuts" class="dialog" aria-labelledby="shortcuts-title">
      <header>
        <h2 id="shortcuts-title">Keyboard</h2>
        <button type="button" class="quiet" data-close aria-label="Close">✕</button>
      </header>
      <dl class="shortcuts">
        {SHORTCUTS.map(([keys, does]) => (
          <div>
            <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
