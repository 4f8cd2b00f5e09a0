/** A page in place of one that cannot be shown. */
export function ErrorPage({ title, detail }: { title: string; detail: string }) {
  return (
    <section class="error-page">
      <h1>{title}</h1>
      <p>{detail}</p>
      <p>
        <a class="button" href="/">All jobs</a>
      </p>
    </section>
  );
}
