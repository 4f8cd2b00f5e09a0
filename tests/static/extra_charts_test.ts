import { assertEquals } from "@std/assert";
import { missingCharts } from "../../static/extra_charts.js";

Deno.test("missingCharts() has one chart a figure that nobody draws, whatever splits have it", () => {
  const available = ["loss", "val_loss", "critic_loss", "val_f1", "test_f1", "val_confusion/0/1"];
  assertEquals(missingCharts(available, ["loss", "val_loss", "test_loss"]), [
    {
      title: "critic_loss",
      train: "critic_loss",
      val: "val_critic_loss",
      test: "test_critic_loss",
    },
    { title: "f1", train: "f1", val: "val_f1", test: "test_f1" },
  ]);
  const drawn = missingCharts(available, []).flatMap(({ train, val, test }) => [train, val, test]);
  assertEquals(missingCharts(available, drawn), []);
});
