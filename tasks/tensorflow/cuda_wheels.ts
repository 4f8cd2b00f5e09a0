import type { Wheel } from "./wheel.ts";

/** What is taken out of NVIDIA's wheels. */
const LIBRARIES = "nvidia/*/lib/*.so*";

/**
 * The libraries of CUDA that TensorFlow 2.21 looks for, as `pip` resolves `tensorflow[and-cuda]`, but
 * for the compiler, which only XLA wants.
 */
export const CUDA_WHEELS: readonly Wheel[] = [
  {
    requirement: "nvidia-cublas-cu12==12.9.3.13",
    file: "nvidia_cublas_cu12-12.9.3.13-py3-none-manylinux_2_27_x86_64.whl",
    sha256: "d7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72",
    megabytes: 581,
    members: [LIBRARIES],
  },
  {
    requirement: "nvidia-cuda-cupti-cu12==12.8.90",
    file: "nvidia_cuda_cupti_cu12-12.8.90-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    sha256: "ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182",
    megabytes: 10,
    members: [LIBRARIES],
  },
  {
    requirement: "nvidia-cuda-nvrtc-cu12==12.9.86",
    file: "nvidia_cuda_nvrtc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
    sha256: "210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4",
    megabytes: 90,
    members: [LIBRARIES],
  },
  {
    requirement: "nvidia-cuda-runtime-cu12==12.9.79",
    file:
      "nvidia_cuda_runtime_cu12-12.9.79-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    sha256: "25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3",
    megabytes: 3,
    members: [LIBRARIES],
  },
  {
    requirement: "nvidia-cudnn-cu12==9.28.0.42",
    file: "nvidia_cudnn_cu12-9.28.0.42-py3-none-manylinux_2_27_x86_64.whl",
    sha256: "9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375",
    megabytes: 717,
    members: [LIBRARIES],
  },
  {
    requirement: "nvidia-cufft-cu12==11.4.1.4",
    file: "nvidia_cufft_cu12-11.4.1.4-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    sha256: "c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28",
    megabytes: 201,
    members: [LIBRARIES],
  },
  {
    requirement: "nvidia-curand-cu12==10.3.10.19",
    file: "nvidia_curand_cu12-10.3.10.19-py3-none-manylinux_2_27_x86_64.whl",
    sha256: "49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e",
    megabytes: 68,
    members: [LIBRARIES],
  },
  {
    requirement: "nvidia-cusolver-cu12==11.7.5.82",
    file: "nvidia_cusolver_cu12-11.7.5.82-py3-none-manylinux_2_27_x86_64.whl",
    sha256: "15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88",
    megabytes: 338,
    members: [LIBRARIES],
  },
  {
    requirement: "nvidia-cusparse-cu12==12.5.10.65",
    file: "nvidia_cusparse_cu12-12.5.10.65-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    sha256: "73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78",
    megabytes: 366,
    members: [LIBRARIES],
  },
  {
    requirement: "nvidia-nccl-cu12==2.32.3",
    file: "nvidia_nccl_cu12-2.32.3-py3-none-manylinux_2_27_x86_64.whl",
    sha256: "bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c",
    megabytes: 352,
    members: [LIBRARIES],
  },
  {
    requirement: "nvidia-nvjitlink-cu12==12.9.86",
    file: "nvidia_nvjitlink_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
    sha256: "e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9",
    megabytes: 40,
    members: [LIBRARIES],
  },
];
