import { z } from "zod";
import { CheckpointRecord, JobManifest, Receipt } from "../jobs/job.ts";
import type { StreamEvent } from "./event_stream.ts";
import { type FollowOptions, followStream } from "./follow_stream.ts";
import { ProblemError, UnreachableError } from "./problem_error.ts";

/** A job as the API shows it. */
export const Job = z.looseObject({
  ...JobManifest.shape,
  links: z.record(z.string(), z.string()).optional(),
});
/** A job as the API shows it. */
export type Job = z.infer<typeof Job>;

/** What a test answers, beside its receipt. */
export const TestReceipt = z.looseObject({
  ...Receipt.shape,
  split: z.string(),
  samples: z.number(),
  loss: z.number().nullable(),
  accuracy: z.number().nullable(),
});
/** What a test answers, beside its receipt. */
export type TestReceipt = z.infer<typeof TestReceipt>;

const CheckpointPage = z.looseObject({ items: z.array(z.looseObject(CheckpointRecord.shape)) });

/** Talks to a server over its public API, and nothing else. */
export class Client {
  /** Address without a slash at its end. */
  readonly server: string;
  readonly #token: string | undefined;

  constructor(server: string, token?: string) {
    this.server = server.replace(/\/+$/, "");
    this.#token = token;
  }

  /** Whether requests carry a token. */
  get hasToken(): boolean {
    return this.#token !== undefined;
  }

  /** Address of a job's page. */
  pageOf(job: string): string {
    return `${this.server}/jobs/${job}`;
  }

  /** Posts a job: a form with the part `module`, files, and `config` as JSON. */
  async submit(form: FormData, idempotencyKey?: string): Promise<Job> {
    const headers: HeadersInit = idempotencyKey === undefined
      ? {}
      : { "Idempotency-Key": idempotencyKey };
    return Job.parse(await this.#json("/jobs", { method: "POST", body: form, headers }));
  }

  async job(id: string): Promise<Job> {
    return Job.parse(await this.#json(`/jobs/${id}`));
  }

  async checkpoints(id: string): Promise<CheckpointRecord[]> {
    return CheckpointPage.parse(await this.#json(`/jobs/${id}/checkpoints`)).items;
  }

  /** A control call, such as `pause`; resolves when it is applied. */
  async control(id: string, call: string, body: Record<string, unknown> = {}): Promise<Receipt> {
    return Receipt.parse(await this.#applied(`/jobs/${id}/${call}`, body));
  }

  /** Tests the newest state of a job on one split. */
  async test(id: string, body: { split: string; label?: string }): Promise<TestReceipt> {
    return TestReceipt.parse(await this.#applied(`/jobs/${id}/test`, body));
  }

  async fork(id: string, body: Record<string, unknown>): Promise<Job> {
    return Job.parse(await this.#post(`/jobs/${id}/fork`, body));
  }

  async merge(id: string, body: Record<string, unknown>): Promise<Job> {
    return Job.parse(await this.#post(`/jobs/${id}/merge`, body));
  }

  /** The events below a path such as `/jobs/{id}/events`, each once, across cut lines. */
  events(path: string, options: FollowOptions): AsyncGenerator<StreamEvent> {
    return followStream((lastEventId, signal) => {
      const headers: HeadersInit = { Accept: "text/event-stream" };
      if (lastEventId !== undefined) headers["Last-Event-ID"] = lastEventId;
      return this.#request(path, { headers, signal });
    }, options);
  }

  /** Asks again at the receipt's address while a control call is still under way. */
  async #applied(path: string, body: Record<string, unknown>): Promise<unknown> {
    let response = await this.#request(path, post(body));
    while (response.status === 202) {
      const location = response.headers.get("Location");
      if (location === null) throw new Error(`${path} answered 202 without a Location`);
      const seconds = Number(response.headers.get("Retry-After") ?? 1);
      await response.body?.cancel();
      await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
      response = await this.#request(location, {});
    }
    return response.json();
  }

  #post(path: string, body: Record<string, unknown>): Promise<unknown> {
    return this.#json(path, post(body));
  }

  async #json(path: string, init: RequestInit = {}): Promise<unknown> {
    return (await this.#request(path, init)).json();
  }

  async #request(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#token !== undefined) headers.set("Authorization", `Bearer ${this.#token}`);
    let response: Response;
    try {
      response = await fetch(new URL(path, `${this.server}/`), { ...init, headers });
    } catch (cause) {
      // Deno's fetch throws a TypeError when it gets no connection.
      if (cause instanceof TypeError) throw new UnreachableError(this.server, { cause });
      throw cause;
    }
    if (!response.ok) throw await ProblemError.from(response);
    return response;
  }
}

function post(body: Record<string, unknown>): RequestInit {
  return {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
}
