// Writes docs/configuration.md from the schemas, so that page and parser cannot differ. Not here: the schemas (fields.ts).

import * as v from 'valibot';
import { PROFILE_FILLS } from './profiles.js';

/** The few members of valibot's schemas that say what is inside. */
interface Inside {
  readonly type: string;
  readonly entries?: Readonly<Record<string, v.GenericSchema>>;
  readonly options?: readonly unknown[];
  readonly wrapped?: v.GenericSchema;
  readonly key?: string;
  readonly literal?: string;
  readonly item?: v.GenericSchema;
  readonly getter?: (input: unknown) => v.GenericSchema;
}
/** One group or a list of such groups is documented as the group: that is what a lazy schema gives where nothing is. */
const inside = (schema: v.GenericSchema): Inside => {
  const shape = schema as unknown as Inside;
  return shape.type === 'lazy' && shape.getter ? inside(shape.getter(undefined)) : shape;
};

export interface Page {
  readonly title: string;
  readonly intro: string;
  readonly schema: v.GenericSchema;
}

/** @returns Markdown: one table for each page, one row for each setting, then what the profiles fill in. */
export function configurationPage(pages: readonly Page[]): string {
  const out = [
    '# Configuration',
    '',
    '<!-- Made by tools/document.mjs from server/config/fields.ts and simulations/config.ts. Edit those. -->',
    '',
    'Files are YAML or JSON. Unknown settings are refused, and every error names the file, the line, the setting and a way out.',
    'Durations are numbers of milliseconds and say so in their name. The samples in `examples/` are parsed and run by the tests.',
    '',
  ];
  for (const { title, intro, schema } of pages) {
    out.push(
      `## ${title}`,
      '',
      intro,
      '',
      '| setting | it must be | when it is left out | what it does |',
      '| --- | --- | --- | --- |',
    );
    rows(schema, '', out);
    out.push('');
  }
  out.push('## What a profile fills in', '', 'What a file says always wins over these.', '');
  for (const [profile, fills] of Object.entries(PROFILE_FILLS)) {
    out.push(`### \`${profile}\``, '', '| setting | value | why |', '| --- | --- | --- |');
    for (const { setting, value, why } of fills) out.push(row([`\`${setting}\``, value, why]));
    out.push('');
  }
  return `${out.join('\n').trimEnd()}\n`;
}

function rows(schema: v.GenericSchema, path: string, out: string[]): void {
  const { entries } = inside(schema);
  for (const [name, entry] of Object.entries(entries ?? {})) {
    const field = path === '' ? name : `${path}.${name}`;
    const { wrapped } = inside(entry);
    const shape = wrapped ?? entry;
    const notes = v.getMetadata(shape as v.GenericSchema);
    const absent = wrapped === undefined ? '**needed**' : String(notes.absent ?? '');
    out.push(row([`\`${field}\``, must(shape), absent, v.getDescription(shape as v.GenericSchema) ?? '']));
    under(shape, field, out);
  }
}

function under(shape: v.GenericSchema, field: string, out: string[]): void {
  const { type, options, key, entries, item } = inside(shape);
  if (entries !== undefined) rows(shape, field, out);
  if (item !== undefined) under(item, `${field}[]`, out);
  if (type !== 'variant' || key === undefined) return;
  for (const option of (options ?? []) as v.GenericSchema[]) {
    const fields = inside(option).entries ?? {};
    const tag = fields[key];
    if (tag === undefined) continue;
    const name = inside(tag).literal ?? '';
    out.push(row([`\`${field}.${key}: ${name}\``, '', '', v.getDescription(tag) ?? '']));
    const others = Object.fromEntries(Object.entries(fields).filter(([other]) => other !== key));
    rows({ entries: others } as unknown as v.GenericSchema, `${field}`, out);
  }
}

function must(shape: v.GenericSchema): string {
  const { must } = v.getMetadata(shape) as { must?: string };
  const { type, options, key } = inside(shape);
  if (must !== undefined) return must;
  if (type !== 'variant' || key === undefined) return 'a group of settings';
  const names = ((options ?? []) as v.GenericSchema[]).map((option) => {
    const tag = inside(option).entries?.[key];
    return tag ? `\`${inside(tag).literal ?? ''}\`` : '';
  });
  return `a group of settings; \`${key}\` is one of ${names.join(', ')}`;
}

const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

/** Paths of settings without a description: the tests want none. */
export function undocumented(schema: v.GenericSchema, path = ''): string[] {
  const out: string[] = [];
  for (const [name, entry] of Object.entries(inside(schema).entries ?? {})) {
    const field = path === '' ? name : `${path}.${name}`;
    const shape = inside(entry).wrapped ?? entry;
    if (!v.getDescription(shape)) out.push(field);
    out.push(...undocumented(shape, field));
    for (const option of (inside(shape).options ?? []) as readonly unknown[]) {
      if (typeof option === 'object' && option !== null) out.push(...undocumented(option as v.GenericSchema, field));
    }
    const { item } = inside(shape);
    for (const option of (item && inside(item).options) ?? []) {
      if (typeof option === 'object' && option !== null) out.push(...undocumented(option as v.GenericSchema, field));
    }
  }
  return out;
}
