import { html } from "hono/html";
import type { Child } from "hono/jsx";
import { ShortcutsDialog } from "./shortcuts_dialog.tsx";

/** What a page tells its frame. */
export interface PageFrame {
  title: string;
  /** Entry module of the page under `static/`. */
  script: string;
  /** Style sheet of the page under `static/`. */
  style: string;
  /** Whether its visitor may not be known yet: then the bar leads nowhere. */
  closed?: boolean;
  /** Address of the one event stream of the tab, from the moment the page was rendered. */
  stream?: string | undefined;
  /** Attributes of `<body>` that the page's modules read. */
  data?: Record<string, string>;
  children?: Child;
}

/**
 * `noSwap`: an error answer never replaces a part of a page. `morphIgnore`: what somebody has
 * unfolded stays so when the part around it is drawn anew.
 */
const HTMX_CONFIG = JSON.stringify({
  history: false,
  morphIgnore: ["data-htmx-powered", "open"],
  noSwap: [204, 304, "4xx", "5xx"],
  includeIndicatorCSS: false,
  // A settle delay makes htmx copy style attributes, which the content security policy refuses.
  defaultSettleDelay: 0,
  sse: { reconnectMaxDelay: 4000 },
});

/** The frame of every page: head, bar, event stream, shortcuts. */
export function Layout(frame: PageFrame) {
  return html`<!doctype html>${(
    <html lang="en">
      <Head {...frame} />
      <body {...frame.data}>
        <a class="skip" href="#main">Skip to content</a>
        <TopBar live={frame.stream !== undefined} closed={frame.closed ?? false} />
        {frame.stream !== undefined && (
          <div
            id="stream"
            hidden
            hx-sse:connect={frame.stream}
            hx-trigger="load, stream:retry"
            hx-swap="none"
          />
        )}
        <main id="main" tabindex={-1}>{frame.children}</main>
        <p id="receipt" class="receipt" role="status" aria-live="polite"></p>
        <p id="announcer" class="visually-hidden" aria-live="polite"></p>
        <ShortcutsDialog />
        <dialog id="dialog" class="dialog" aria-labelledby="dialog-title"></dialog>
      </body>
    </html>
  )}`;
}

function Head(frame: PageFrame) {
  return (
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="htmx-config" content={HTMX_CONFIG} />
      <title>{`${frame.title} · OnTheFly`}</title>
      <link rel="icon" href="/static/icon.svg" type="image/svg+xml" />
      <script src="/static/theme.js"></script>
      <link rel="stylesheet" href="/static/tokens.css" />
      <link rel="stylesheet" href="/static/layout.css" />
      <link rel="stylesheet" href="/static/marks.css" />
      <link rel="stylesheet" href="/static/forms.css" />
      <link rel="stylesheet" href="/static/dialogs.css" />
      <link rel="stylesheet" href="/static/vendor/uplot.css" />
      <link rel="stylesheet" href={`/static/${frame.style}`} />
      {/* Not deferred: htmx would start by a timer then, now and then before its extension is there. */}
      <script src="/static/vendor/htmx.js"></script>
      <script src="/static/vendor/hx-sse.js"></script>
      <script defer src="/static/vendor/uplot.js"></script>
      <script type="module" src={`/static/${frame.script}`}></script>
    </head>
  );
}

function TopBar({ live, closed }: { live: boolean; closed: boolean }) {
  return (
    <header class="topbar">
      <a class="brand" href="/">
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <path d="M1 12.5c3.5 0 4-9 7-9s2.5 6 7 6" />
          <circle cx="8" cy="3.5" r="1.75" />
        </svg>
        OnTheFly
      </a>
      {live && <span id="connection" class="connection" role="status" aria-live="polite"></span>}
      <span class="topbar-space"></span>
      <button
        type="button"
        class="quiet"
        data-theme-toggle
        aria-label="Switch between light and dark"
      >
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <circle cx="8" cy="8" r="5.25" />
          <path class="filled" d="M8 2.75a5.25 5.25 0 0 1 0 10.5z" />
        </svg>
      </button>
      <button type="button" class="quiet" data-open="shortcuts" aria-label="Keyboard shortcuts">
        ?
      </button>
      {!closed && <a class="button primary" href="/new">+ New job</a>}
    </header>
  );
}
