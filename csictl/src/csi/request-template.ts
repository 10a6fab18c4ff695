import { enumNamesOf, isSecret, type MessageField, type MessageType, messageTypeOf, type Rpc } from './rpc.ts';

/** A request with every field, as YAML to fill in; each line says what belongs there. */
export function yamlTemplate(rpc: Rpc): string {
  const head = `# ${rpc.method}: fill in and remove what is not wanted, then: csictl csi ${rpc.command} --request FILE\n`;
  const lines = linesOf(rpc.request, '');
  return head + (lines.length === 0 ? '{}\n' : `${lines.join('\n')}\n`);
}

/** The same as data. */
export function templateOf(type: MessageType): Record<string, unknown> {
  const skipped = laterChoices(type);
  const fields = type.fieldsArray.filter(({ name }) => !skipped.has(name));
  return Object.fromEntries(fields.map((field) => [field.name, exampleOf(field)]));
}

function exampleOf(field: MessageField): unknown {
  if (field.map) return { key: 'value' };
  const nested = messageTypeOf(field);
  const one = nested ? templateOf(nested) : scalarExample(field);
  if (!field.repeated) return one;
  return nested ? [one] : [];
}

function scalarExample(field: MessageField): unknown {
  const names = enumNamesOf(field);
  if (names) return names[1] ?? names[0];
  if (field.type === 'string') return '';
  if (field.type === 'bool') return false;
  return field.type.endsWith('64') ? '0' : 0;
}

/** Of fields that exclude each other all but the last: block comes before mount, and is the rarer wish. */
function laterChoices(type: MessageType): Set<string> {
  return new Set(type.oneofsArray.flatMap(({ oneof }) => oneof.slice(0, -1)));
}

function linesOf(type: MessageType, indent: string): string[] {
  const skipped = laterChoices(type);
  return type.fieldsArray.flatMap((field) =>
    skipped.has(field.name)
      ? [`${indent}# or ${field.name}: ${JSON.stringify(exampleOf(field))}`]
      : fieldLines(field, indent),
  );
}

function fieldLines(field: MessageField, indent: string): string[] {
  const { name } = field;
  if (field.map) {
    const note = isSecret(field) ? ' # secret: better given with --secret or --secrets-file' : '';
    return [`${indent}${name}:${note}`, `${indent}  key: "value"`];
  }
  const nested = messageTypeOf(field);
  if (!nested) {
    const text = JSON.stringify(scalarExample(field));
    const names = enumNamesOf(field);
    const note = names ? ` # ${names.slice(1).join(', ')}` : ` # ${field.type}`;
    return [field.repeated ? `${indent}${name}: []${note}` : `${indent}${name}: ${text}${note}`];
  }
  if (nested.fieldsArray.length === 0) return [`${indent}${name}: {}`];
  if (!field.repeated) return [`${indent}${name}:`, ...linesOf(nested, `${indent}  `)];
  const inner = linesOf(nested, `${indent}    `);
  const first = inner.findIndex((line) => !line.trimStart().startsWith('#'));
  const dashed = inner.map((line, index) => (index === first ? `${indent}  - ${line.trimStart()}` : line));
  return [`${indent}${name}:`, ...dashed];
}
