import { Hono } from "hono";
import { z } from "zod";
import { LICENSE, VERSION } from "./package.ts";
import { OPERATIONS } from "./operations.ts";
import type { Operation } from "./operations/operation.ts";
import { PROBLEMS } from "./problem.ts";

/** Where the description of the API is, and what each kind of problem means. */
export function openapiRoutes(): Hono {
  return new Hono()
    .get("/openapi.json", (c) => c.json(openapiDocument()))
    .get("/problems/:slug", (c, next) => {
      const problem = Object.entries(PROBLEMS).find(([slug]) => slug === c.req.param("slug"));
      return problem === undefined
        ? next()
        : Promise.resolve(c.text(`${problem[1].status} ${problem[1].title}\n`));
    });
}

/** The API as OpenAPI 3.1, from the schemas that parse its requests. */
export function openapiDocument(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    const path = operation.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [operation.method]: describe(operation) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "OnTheFly", version: VERSION, license: { name: LICENSE } },
    paths,
    components: { schemas: { Problem: jsonSchema(Problem, "output") } },
  };
}

const Problem = z.looseObject({
  type: z.enum(Object.keys(PROBLEMS).map((slug) => `/problems/${slug}`)),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  field: z.string().optional(),
  job: z.string().optional(),
  state: z.string().optional(),
  allowed: z.array(z.string()).optional(),
});

function describe(operation: Operation): Record<string, unknown> {
  const { id, summary, body, bodyTypes = ["application/json"] } = operation;
  return {
    operationId: id,
    summary,
    parameters: [
      ...pathParameters(operation),
      ...queryParameters(operation),
      ...headers(operation),
    ],
    ...(body === undefined ? {} : { requestBody: { content: contents(bodyTypes, body, "input") } }),
    responses: {
      [operation.status]: answer(operation),
      ...(operation.waits
        ? { 202: { description: "Not applied yet; Location has the receipt." } }
        : {}),
      default: {
        description: "A problem (RFC 9457).",
        content: {
          "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
        },
      },
    },
  };
}

function answer({ answer, answerTypes = ["application/json"] }: Operation) {
  const description = "Done.";
  if (answer === undefined && answerTypes[0] === "application/json") return { description };
  return { description, content: contents(answerTypes, answer, "output") };
}

function contents(
  types: readonly string[],
  schema: z.ZodType | undefined,
  io: "input" | "output",
): Record<string, unknown> {
  return Object.fromEntries(types.map((type) => [
    type,
    {
      schema: schema !== undefined && type === "application/json"
        ? jsonSchema(schema, io)
        : { type: type === "multipart/form-data" ? "object" : "string" },
    },
  ]));
}

function pathParameters({ path }: Operation) {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters({ query }: Operation) {
  return Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    schema: jsonSchema(schema as z.ZodType, "input"),
  }));
}

function headers({ method, path, waits }: Operation) {
  const header = (name: string, description: string) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  });
  return [
    ...(method === "post" || method === "patch"
      ? [header("Idempotency-Key", "the same key and content answer the same, done once")]
      : []),
    ...(waits ? [header("Prefer", "respond-async does not wait for the receipt")] : []),
    ...(path.endsWith("/events")
      ? [header("Last-Event-ID", "go on behind this event; wins over ?after")]
      : []),
  ];
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
