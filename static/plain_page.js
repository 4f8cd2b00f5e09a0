// @ts-check
import { startPage } from "./page.js";

startPage();
