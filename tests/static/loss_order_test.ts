import { assertEquals } from "@std/assert";
import { LossOrder } from "../../static/loss_order.js";

const LOSSES = [0.5, 0.1, null, 0.4, 0.2, 0.3, 0.8, 0.7, 0.6, 0.9];

Deno.test("LossOrder counts a quantile as the server does, what is not finite last", () => {
  const order = new LossOrder(LOSSES, 10);
  assertEquals(order.count({ kind: "quantile", from: 0.8, to: 1 }), 2);
  assertEquals(order.count({ kind: "quantile", from: 0, to: 0.25 }), 3);
  assertEquals(order.count({ kind: "quantile", from: 0.25, to: 1 }), 7);
  assertEquals(order.share(0.5), 0.4);
  assertEquals(order.loss(0.4), 0.5);
});

Deno.test("LossOrder counts a region from its lower end up to, not with, the upper", () => {
  const order = new LossOrder(LOSSES, 10);
  assertEquals(order.count({ kind: "region", from: 0.3, to: 0.6 }), 3);
  assertEquals(order.count({ kind: "region", from: 0.3 }), 7);
  assertEquals(order.count({ kind: "region", to: 0.3 }), 2);
  assertEquals([order.whole, new LossOrder(LOSSES, 100).whole], [true, false]);
  assertEquals(new LossOrder(LOSSES, 100).count({ kind: "region", from: 0.3, to: 0.6 }), 30);
});
