import { z } from 'zod';

/** `runAt` as `run_at`. */
export type SnakeName<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? First extends Lowercase<First>
    ? `${First}${SnakeName<Rest>}`
    : `_${Lowercase<First>}${SnakeName<Rest>}`
  : Name;

/** Plain data with its fields in snake_case. */
export type Snake<T> = T extends readonly (infer Item)[]
  ? Snake<Item>[]
  : T extends object
    ? { [Key in keyof T as Key extends string ? SnakeName<Key> : Key]: Snake<T[Key]> }
    : T;

const snakeName = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const made = new WeakMap<z.ZodType, z.ZodType>();

/**
 * The schema of the JSON of plain data: the same with its fields in snake_case, for HTTP and OpenAPI. What the schema
 * leaves open (payloads, results, headers, keys of groups) is the user's own and keeps its names.
 *
 * @example
 * ```ts
 * const body = jsonSchema(redriveManySchema); // every_ms, filter.finished_from
 * await admin.redriveMany(fromJson(redriveManySchema, body.parse(json)));
 * ```
 */
export function jsonSchema<Out, In>(schema: z.ZodType<Out, In>): z.ZodType<Snake<Out>, Snake<In>> {
  const known = made.get(schema) ?? described(renamed(schema), schema);
  made.set(schema, known);
  return known as z.ZodType<Snake<Out>, Snake<In>>;
}

function described(schema: z.ZodType, of: z.ZodType): z.ZodType {
  const meta = of.meta();
  return meta === undefined || schema === of ? schema : schema.meta(meta);
}

const inner = (schema: unknown): z.ZodType => jsonSchema(schema as z.ZodType) as z.ZodType;

/** The rules on a whole value, which hold whatever its fields are called. */
const checksOf = (schema: z.ZodType): z.core.$ZodCheck<unknown>[] =>
  (schema.def.checks ?? []) as z.core.$ZodCheck<unknown>[];

function renamed(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries(schema.shape).map(([name, field]) => [
      snakeName(name),
      inner(field),
    ]);
    const shape: Record<string, z.ZodType> = Object.fromEntries(fields);
    return schema.def.catchall instanceof z.ZodNever ? z.strictObject(shape) : z.object(shape);
  }
  if (schema instanceof z.ZodArray) {
    return z.array(inner(schema.element)).check(...checksOf(schema));
  }
  if (schema instanceof z.ZodRecord) {
    return z
      .record(schema.keyType as z.ZodString, inner(schema.valueType))
      .check(...checksOf(schema));
  }
  if (schema instanceof z.ZodOptional) return inner(schema.unwrap()).optional();
  if (schema instanceof z.ZodNullable) return inner(schema.unwrap()).nullable();
  if (schema instanceof z.ZodDefault)
    return inner(schema.unwrap()).default(schema.def.defaultValue);
  return schema;
}

/** Plain data as its JSON, by its schema. Fields that are absent or that the schema does not have are left out. */
export function toJson<T>(schema: z.ZodType<T>, value: T): Snake<T> {
  return mapped(schema, value, (name) => [name, snakeName(name)]) as Snake<T>;
}

/** JSON that {@link jsonSchema} has accepted as plain data. */
export function fromJson<Out, In>(schema: z.ZodType<Out, In>, json: Snake<Out>): Out {
  return mapped(schema, json, (name) => [snakeName(name), name]) as Out;
}

/** Renames the fields of objects that a schema names: `[from, to]` of a field. */
function mapped(
  schema: unknown,
  value: unknown,
  names: (name: string) => readonly [string, string],
): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (schema instanceof z.ZodObject) {
    const entries = Object.entries(schema.shape).flatMap(([name, field]) => {
      const [from, to] = names(name);
      const part: unknown = Object.hasOwn(value, from) ? Reflect.get(value, from) : undefined;
      return part === undefined ? [] : [[to, mapped(field, part, names)]];
    });
    return Object.fromEntries(entries);
  }
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item: unknown) => mapped(schema.element, item, names));
  }
  if (schema instanceof z.ZodRecord) {
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([key, part]) => [key, mapped(schema.valueType, part, names)]),
    );
  }
  const wraps =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault;
  return wraps ? mapped(schema.unwrap(), value, names) : value;
}
