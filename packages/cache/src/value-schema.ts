/** What a Standard Schema says of a value. */
export type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly unknown[] };

/**
 * What is used of a Standard Schema (standardschema.dev): schemas of zod, valibot, ArkType and others fit as they are.
 * It is to validate synchronously.
 */
export interface ValueSchema<T> {
  readonly '~standard': {
    validate(value: unknown): SchemaResult<T> | Promise<SchemaResult<T>>;
  };
}

const ignore = (): void => {};

/** The value as the schema gives it, or `undefined` when it does not fit. Never throws. */
export function validated(schema: ValueSchema<unknown>, value: unknown): unknown {
  try {
    const result = schema['~standard'].validate(value);
    if (result instanceof Promise) {
      result.catch(ignore);
      return undefined;
    }
    return result.issues === undefined ? result.value : undefined;
  } catch {
    return undefined;
  }
}
