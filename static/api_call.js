// @ts-check
/** @typedef {{ title: string, detail: string, field?: string, status: number }} Problem */
/** @typedef {{ ok: true, status: number, body: Record<string, any> } | { ok: false, status: number, problem: Problem }} Answer */

/**
 * One call of the API, exactly as curl would send it. A call that is not applied yet (202) is
 * followed until it is.
 * @param {string} call Method and path: `POST /jobs/job-1/pause`.
 * @param {unknown} [body] Sent as JSON, or as it is when it is a form.
 * @param {(receipt: string) => void} [onPending] Asks for a receipt at once, and is told its address
 *   while the call is under way.
 * @returns {Promise<Answer>}
 */
export async function callApi(call, body, onPending) {
  const [method = "GET", path = "/"] = call.split(" ");
  /** @type {Record<string, string>} */
  const headers = { "Accept": "application/json" };
  const form = body instanceof FormData;
  if (onPending !== undefined) headers["Prefer"] = "respond-async";
  if (method !== "GET") headers["Idempotency-Key"] = crypto.randomUUID();
  if (body !== undefined && !form && method !== "DELETE") {
    headers["Content-Type"] = "application/json";
  }
  const payload = body === undefined || method === "DELETE"
    ? null
    : form
    ? body
    : JSON.stringify(body);
  try {
    const response = await fetch(path, { method, headers, body: payload });
    const answer = await read(response);
    const location = response.headers.get("Location");
    if (response.status === 202 && location !== null) {
      onPending?.(location);
      return await follow(location);
    }
    return answer;
  } catch (error) {
    return unreachable(error);
  }
}

/**
 * Asks for a receipt until it is there.
 * @param {string} location
 * @returns {Promise<Answer>}
 */
async function follow(location) {
  for (;;) {
    const response = await fetch(location, { headers: { "Accept": "application/json" } });
    const answer = await read(response);
    if (!answer.ok || answer.body.status !== "pending") return answer;
    const seconds = Number(response.headers.get("Retry-After") ?? 1);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0.2, seconds) * 1000));
  }
}

/** @param {Response} response @returns {Promise<Answer>} */
async function read(response) {
  const text = await response.text();
  const body = text === "" ? {} : JSON.parse(text);
  if (response.ok) return { ok: true, status: response.status, body };
  return { ok: false, status: response.status, problem: body };
}

/** @param {unknown} error @returns {Answer} */
function unreachable(error) {
  const detail = `The server did not answer (${
    error instanceof Error ? error.message : error
  }). Nothing may have happened; look before you try again.`;
  return { ok: false, status: 0, problem: { title: "No answer", detail, status: 0 } };
}
