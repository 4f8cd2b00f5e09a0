import { type CApi, cString } from "./c_api.ts";

/** `TF_AttrType`: the kinds of attributes that the kernels set. */
export const ATTRIBUTE_TYPES = {
  TF_ATTR_STRING: 0,
  TF_ATTR_INT: 1,
  TF_ATTR_FLOAT: 2,
  TF_ATTR_BOOL: 3,
  TF_ATTR_TYPE: 4,
  TF_ATTR_SHAPE: 5,
  TF_ATTR_RESOURCE: 6,
} as const;

/** An attribute as the kernels of TensorFlow.js give it. */
export interface OpAttribute {
  name: string;
  type: number;
  value: boolean | number | object | string | number[];
}

const { TF_ATTR_STRING, TF_ATTR_INT, TF_ATTR_FLOAT, TF_ATTR_BOOL, TF_ATTR_TYPE } = ATTRIBUTE_TYPES;

/**
 * Sets an attribute of an operation that is being built.
 * @param cName Its name as C reads it.
 * @throws {TypeError} for a kind of attribute, or of value, that no kernel uses.
 */
export function setAttribute(
  api: CApi,
  op: Deno.PointerValue,
  cName: Uint8Array<ArrayBuffer>,
  { name, type, value }: OpAttribute,
): void {
  if (type === TF_ATTR_TYPE && typeof value === "number") {
    return api.TFE_OpSetAttrType(op, cName, value);
  }
  if (type === TF_ATTR_INT && typeof value === "number") {
    return api.TFE_OpSetAttrInt(op, cName, BigInt(value));
  }
  if (type === TF_ATTR_INT && Array.isArray(value)) {
    return api.TFE_OpSetAttrIntList(op, cName, BigInt64Array.from(value, BigInt), value.length);
  }
  if (type === TF_ATTR_FLOAT && typeof value === "number") {
    return api.TFE_OpSetAttrFloat(op, cName, value);
  }
  if (type === TF_ATTR_BOOL) return api.TFE_OpSetAttrBool(op, cName, value ? 1 : 0);
  if (type === TF_ATTR_STRING && typeof value === "string") {
    const text = cString(value);
    return api.TFE_OpSetAttrString(op, cName, text, BigInt(text.length - 1));
  }
  throw new TypeError(`attribute ${name} of type ${type} cannot be ${Deno.inspect(value)}`);
}
