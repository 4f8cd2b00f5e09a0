import { startTensorFlow } from "../../runtime/backends/tensorflow/start.ts";
import { testLayersOn } from "../fixtures/layer_comparison.ts";
import { quietTensorFlow, tensorFlowForTests } from "../fixtures/tensorflow_library.ts";

const installed = await tensorFlowForTests();

function start(): void {
  quietTensorFlow();
  startTensorFlow(installed!.path, 1);
}

testLayersOn("tensorflow", start, installed === null);
