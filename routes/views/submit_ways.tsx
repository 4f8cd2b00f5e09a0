/** The three ways to submit a job, ready to copy: what an empty server shows. */
export function SubmitWays({ origin }: { origin: string }) {
  return (
    <section class="ways" aria-labelledby="ways-title">
      <h2 id="ways-title">No jobs yet. Three ways to submit one</h2>
      <ol>
        <Way
          title="From this checkout"
          note="The digits example, with its data. Ctrl-C leaves the job running."
          command={`deno task submit examples/digits.ts --file examples/data/digits.csv.gz --server ${origin} --follow`}
        />
        <Way
          title="With curl, from anywhere"
          note="A module and the files it reads. The answer is the job's manifest."
          command={`curl -F module=@examples/digits.ts -F file=@examples/data/digits.csv.gz ${origin}/jobs`}
        />
        <li>
          <h3>On this page</h3>
          <p>Paste a module or drop it with its files; the syntax is checked before it starts.</p>
          <p>
            <a class="button" href="/new">+ New job</a>
          </p>
        </li>
      </ol>
    </section>
  );
}

function Way({ title, note, command }: { title: string; note: string; command: string }) {
  return (
    <li>
      <h3>{title}</h3>
      <p>{note}</p>
      <div class="copyable">
        <pre tabindex={0}><code>{command}</code></pre>
        <button type="button" data-copy={command} aria-label={`Copy: ${title}`}>Copy</button>
      </div>
    </li>
  );
}
