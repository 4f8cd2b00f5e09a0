import type { LoggedEvent } from "../../jobs/events/event_log.ts";

/** Types of events that the log tab shows. */
export const LOG_TYPES = ["log", "error"] as const;

/** Lines that the log tab shows at most. */
export const LOG_LINES = 300;

/** The end of a job's log, oldest line first. */
export function LogLines({ events }: { events: LoggedEvent[] }) {
  if (events.length === 0) {
    return (
      <p class="empty">
        Nothing written yet. <code>console.log</code> and <code>ctx.log</code>{" "}
        in the module come out here.
      </p>
    );
  }
  return (
    <ol class="log-lines">
      {events.map((event) => <LogLine key={event.seq} event={event} />)}
    </ol>
  );
}

function LogLine({ event }: { event: LoggedEvent }) {
  const data = JSON.parse(event.data) as Record<string, unknown>;
  const level = event.type === "error" ? "error" : String(data["level"] ?? "info");
  const text = [data["message"], data["stack"]].filter((part) => typeof part === "string");
  const ts = typeof data["ts"] === "number" ? data["ts"] : 0;
  return (
    <li id={`log-${event.seq}`} class={`level-${level}`}>
      <time datetime={new Date(ts).toISOString()}>{new Date(ts).toISOString().slice(11, 19)}</time>
      <span class="log-source">{String(data["source"] ?? event.type)}</span>
      <span class="log-text">{text.join("\n")}</span>
    </li>
  );
}
