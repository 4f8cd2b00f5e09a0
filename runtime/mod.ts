/**
 * What job modules import as "onthefly".
 *
 * @module
 */
export {
  type ApplyModel,
  defineJob,
  type JobContext,
  type JobData,
  type JobDefinition,
  type Loss,
  type LossBatch,
  type LossFunction,
  type LossName,
  type Model,
  type ModelFactory,
  type ModelSource,
  type TensorOrRecord,
} from "./job_definition.ts";
export type { Batch, Dataset, Draw } from "./data/dataset.ts";
export type {
  Sample,
  SampleRandom,
  SampleSource,
  SampleTensor,
  SampleValues,
} from "./data/sample.ts";
export { type AnyDataset, defineDataset } from "./data/sample_dataset.ts";
export type { JobConfig, PartialJobConfig } from "./protocol/job_config.ts";
export type { ByteSource } from "./data/byte_source.ts";
export { csv, type CsvOptions } from "./data/csv.ts";
export type { DataFolder } from "./data/data_folder.ts";
export type { FileDatasetOptions } from "./data/file_dataset.ts";
export { imageFolder, type ImageFolderOptions } from "./data/image_folder.ts";
export { type FileReader, modelFiles } from "./data/model_files.ts";
export { npy } from "./data/npy.ts";
export { parquet, type ParquetOptions } from "./data/parquet.ts";
export { safetensors, type SafetensorsOptions } from "./data/safetensors.ts";
export { split, type SplitFractions, type SplitOptions, type Splits } from "./data/split.ts";
export { subset, type SubsetView } from "./data/subset.ts";
export { tensorDataset, type TensorDatasetOptions } from "./data/tensor_dataset.ts";
export {
  constant,
  cosine,
  exponential,
  multiStep,
  oneCycle,
  reduceOnPlateau,
  type Schedule,
  type SchedulePer,
  type SchedulePosition,
  type ScheduleState,
  stepDecay,
} from "./training/schedules.ts";
export {
  loadWeights,
  type LoadWeightsOptions,
  type WeightPlace,
} from "./checkpoints/load_weights.ts";
export { auroc } from "./metrics/auroc.ts";
export { confusionMatrix } from "./metrics/confusion_matrix.ts";
export { f1, type F1Average } from "./metrics/f1.ts";
export type { Metric, MetricBatch, Metrics } from "./metrics/metric.ts";
export { mae, r2, rmse } from "./metrics/regression.ts";
export { topK } from "./metrics/top_k.ts";
export { bestCheckpoint } from "./callbacks/best_checkpoint.ts";
export type {
  Callback,
  CallbackControl,
  CallbackFigures,
  CallbackMoment,
  CallbackState,
} from "./callbacks/callback.ts";
export { earlyStopping } from "./callbacks/early_stopping.ts";
export type { MonitorOptions } from "./callbacks/monitor.ts";
export type {
  CustomSteps,
  EvaluationStepArguments,
  StepFigures,
  TrainStepArguments,
} from "./training/custom_step.ts";
export type { StepScaler } from "./training/loss_scaler.ts";
export { type FitResult, Trainer } from "./trainer/trainer.ts";
export type { FitParts } from "./trainer/fit_definition.ts";
export type { TrainerOptions } from "./trainer/trainer_options.ts";
