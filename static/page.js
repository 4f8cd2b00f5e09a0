// @ts-check
import { startForms } from "./api_form.js";
import { startClipboard } from "./clipboard.js";
import { startDialogs } from "./dialogs.js";
import { startJobControls } from "./job_controls.js";
import { startKeyboard } from "./keyboard.js";
import { startLocalTime } from "./local_time.js";

/** What every page does. */
export function startPage() {
  startClipboard();
  startDialogs();
  startForms();
  startJobControls();
  startKeyboard();
  startLocalTime();
}
