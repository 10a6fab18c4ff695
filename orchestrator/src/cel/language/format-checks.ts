import { type Clause, FormatError, fillFormat } from '../library/format-clauses.ts';
import { formatComplaint } from '../library/format-complaints.ts';
import type { Call, Expr } from './ast.ts';
import { type CelType, dynType, type TypeKind } from './cel-type.ts';
import type { Issue } from './source.ts';

const shownKinds: Readonly<Record<string, readonly TypeKind[]>> = {
  d: ['int', 'uint'],
  f: ['double', 'string'],
  e: ['double', 'string'],
  b: ['int', 'uint', 'bool'],
  x: ['int', 'uint', 'string', 'bytes'],
  X: ['int', 'uint', 'string', 'bytes'],
  o: ['int', 'uint'],
  s: 'list map int uint double bool string timestamp bytes duration type null'.split(' ') as TypeKind[],
};

class MisplacedError extends FormatError {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** What is wrong with a format that is written down, or with the list of what is put into it (cel-go's stringFormatValidator). */
export function formatIssue({ at, name, target, args }: Call): Issue | undefined {
  const [list] = args;
  if (name !== 'format' || target?.kind !== 'literal' || typeof target.value !== 'string') return undefined;
  if (args.length !== 1 || list?.kind !== 'list') return undefined;
  const { elements } = list;
  let asked = 0;
  const show = ({ verb, index }: Clause): string => {
    const bad = misfit(elements[index] as Expr, verb);
    if (bad) throw new MisplacedError(formatComplaint(verb, typeOf(bad)), bad.at);
    asked = index + 1;
    return '';
  };
  try {
    fillFormat(target.value, { count: elements.length, show });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { at: error instanceof MisplacedError ? error.at : at, message: error.message };
  }
  if (elements.length === asked) return undefined;
  const message = `too many arguments supplied to string.format (expected ${asked}, got ${elements.length})`;
  return { at, message };
}

/** The first expression, of an argument or within it, whose type the verb does not take. */
function misfit(expr: Expr, verb: string): Expr | undefined {
  const type = typeOf(expr);
  if (type.kind !== 'dyn' && !shownKinds[verb]?.includes(type.kind)) return expr;
  if (verb !== 's') return undefined;
  const parts =
    expr.kind === 'list'
      ? expr.elements
      : expr.kind === 'map'
        ? expr.entries.flatMap(({ key, value }) => [key, value])
        : [];
  for (const part of parts) {
    const bad = misfit(part, verb);
    if (bad) return bad;
  }
  return undefined;
}

function typeOf({ type = dynType }: Expr): CelType {
  return type;
}
