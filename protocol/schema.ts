// What messages and settings of the wire are checked with: schemas as functions from anything to a checked value or the first problem.
// Strict: an unknown, missing or out-of-range field is a problem. Just what the wire needs, because every page that embeds a client
// loads it (docs/adr/0008); settings files, which deserve better sentences, are read with valibot (server/config).

/** The first thing that is wrong, and where. */
export class Problem {
  readonly text: string;
  /** Names and indices from the outside in; empty for the whole. */
  readonly path: readonly (string | number)[];

  constructor(text: string, path: readonly (string | number)[] = []) {
    this.text = text;
    this.path = path;
  }
  under(key: string | number): Problem {
    return new Problem(this.text, [key, ...this.path]);
  }
  /** "run.round"; `undefined` for the whole. */
  get field(): string | undefined {
    return this.path.length === 0 ? undefined : this.path.join('.');
  }
}

/** Gives a value of its own, or the one it was given where nobody could change that. Never throws. */
export type Schema<T> = (input: unknown) => T | Problem;
export type Output<S> = S extends (input: unknown) => infer R ? Exclude<R, Problem> : never;
/** What is wrong with a value of the right type, if anything. */
export type Check<T> = (value: T) => string | undefined;

/** A field that may be absent, which is not the same as undefined. */
export interface Optional<T> {
  readonly optional: Schema<T>;
}
export const exactOptional = <T>(schema: Schema<T>): Optional<T> => ({ optional: schema });

type Entries = Readonly<Record<string, Schema<unknown> | Optional<unknown>>>;
type RequiredKeys<E> = { [K in keyof E]: E[K] extends Optional<unknown> ? never : K }[keyof E];
type Flat<T> = { [K in keyof T]: T[K] };
type ObjectOf<E> = Flat<
  { [K in RequiredKeys<E>]: Output<E[K]> } & {
    [K in Exclude<keyof E, RequiredKeys<E>>]?: E[K] extends Optional<infer T> ? T : never;
  }
>;
/** A schema of objects with exactly these fields. */
export type ObjectSchema<E> = Schema<ObjectOf<E>> & { readonly entries: E };

const isObject = (input: unknown): input is Readonly<Record<string, unknown>> =>
  typeof input === 'object' && input !== null && !Array.isArray(input) && !(input instanceof Uint8Array);

/** The result has its keys in the order of `entries`. */
export function strictObject<E extends Entries>(entries: E): ObjectSchema<E> {
  const fields = Object.entries(entries);
  const read: Schema<ObjectOf<E>> = (input) => {
    if (!isObject(input)) return new Problem('must be an object');
    const out: Record<string, unknown> = {};
    for (const [name, schema] of fields) {
      if (!Object.hasOwn(input, name)) {
        if ('optional' in schema) continue;
        return new Problem('is missing', [name]);
      }
      const value = ('optional' in schema ? schema.optional : schema)(input[name]);
      if (value instanceof Problem) return value.under(name);
      out[name] = value;
    }
    const unknown = Object.keys(input).find((name) => !Object.hasOwn(entries, name));
    return unknown === undefined ? (out as ObjectOf<E>) : new Problem('is unknown', [unknown]);
  };
  return Object.assign(read, { entries });
}

/** One of several objects, told apart by the literal in the field `key`. */
export function variant<const S extends readonly ObjectSchema<Entries>[]>(
  key: string,
  options: S,
): Schema<Output<S[number]>> {
  return (input) => {
    if (!isObject(input)) return new Problem('must be an object');
    const fits = ({ entries }: ObjectSchema<Entries>): boolean =>
      !((entries[key] as Schema<unknown>)(input[key]) instanceof Problem); // safe: the field that tells them apart is never optional
    const option = options.find(fits) as Schema<Output<S[number]>> | undefined;
    return option === undefined ? new Problem('is none of the possible ones', [key]) : option(input);
  };
}

/** The first that fits. A problem inside an object is told rather than that nothing fitted. */
export const union =
  <const S extends readonly Schema<unknown>[]>(options: S): Schema<Output<S[number]>> =>
  (input) => {
    let inner: Problem | undefined;
    for (const option of options) {
      const value = option(input);
      if (!(value instanceof Problem)) return value as Output<S[number]>;
      if (value.path.length > 0) inner = value;
    }
    return inner ?? new Problem('has none of the possible forms');
  };

export const array =
  <T>(item: Schema<T>): Schema<T[]> =>
  (input) => {
    if (!Array.isArray(input)) return new Problem('must be a list');
    const out: T[] = [];
    for (const [i, one] of input.entries()) {
      const value = item(one);
      if (value instanceof Problem) return value.under(i);
      out.push(value);
    }
    return out;
  };

export const custom =
  <T>(fits: (input: unknown) => boolean, text: string | ((input: unknown) => string) = 'has another form'): Schema<T> =>
  (input) =>
    fits(input) ? (input as T) : new Problem(typeof text === 'string' ? text : text(input));

export const number = (): Schema<number> => custom((x) => typeof x === 'number', 'must be a number');
export const boolean = (): Schema<boolean> => custom((x) => typeof x === 'boolean', 'must be true or false');
export const string = (): Schema<string> => custom((x) => typeof x === 'string', 'must be text');
export const literal = <const T extends string>(value: T): Schema<T> => custom((x) => x === value, `must be ${value}`);
export const picklist = <const T extends readonly string[]>(values: T): Schema<T[number]> =>
  custom((x) => values.includes(x as string), `must be one of ${values.join(', ')}`);

/** The schema, then checks in order. */
export const pipe =
  <T>(schema: Schema<T>, ...checks: readonly Check<T>[]): Schema<T> =>
  (input) => {
    const value = schema(input);
    if (value instanceof Problem) return value;
    for (const check of checks) {
      const text = check(value);
      if (text !== undefined) return new Problem(text);
    }
    return value;
  };
export const check =
  <T>(holds: (value: T) => boolean, text = 'contradicts itself'): Check<T> =>
  (value) =>
    holds(value) ? undefined : text;
export const minValue = (least: number): Check<number> => check((x) => x >= least, `must be at least ${least}`);
export const maxValue = (most: number): Check<number> => check((x) => x <= most, `must be at most ${most}`);
export const finite = (): Check<number> => check((x) => Number.isFinite(x), 'must be finite');
export const safeInteger = (): Check<number> => check((x) => Number.isSafeInteger(x), 'must be a whole number');
type Long = { readonly length: number };
export const minLength = (least: number): Check<Long> =>
  check(({ length }) => length >= least, `must have ${least} or more`);
export const maxLength = (most: number): Check<Long> =>
  check(({ length }) => length <= most, `must have ${most} at most`);
export const regex = (pattern: RegExp, text: string): Check<string> => check((x) => pattern.test(x), text);
