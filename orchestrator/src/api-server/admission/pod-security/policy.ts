import type { FieldError } from '../../resource-definition.ts';
import { invalid } from '../../resources/field.ts';

/** From what may do all to what may do least. */
export const levels = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof levels)[number];

export interface LevelVersion {
  readonly level: Level;
  /** The minor version whose rules count; Infinity: the latest. */
  readonly minor: number;
}

/** What a namespace asks of its pods: refused, written to the audit log, told the client. */
export interface SecurityPolicy {
  readonly enforce: LevelVersion;
  readonly audit: LevelVersion;
  readonly warn: LevelVersion;
}

const prefix = 'pod-security.kubernetes.io/';
const everything: LevelVersion = { level: 'privileged', minor: Number.POSITIVE_INFINITY };
type Labels = Readonly<Record<string, string>>;
type Mode = keyof SecurityPolicy;

/** What a namespace's labels say; a policy even where they are wrong (pod-security-admission api.PolicyToEvaluate). */
export function policyOf(labels: Labels = {}): { readonly policy: SecurityPolicy; readonly errors: FieldError[] } {
  const errors: FieldError[] = [];
  const read = (mode: Mode): LevelVersion => ({
    level: levelOf(mode, labels[`${prefix}${mode}`], errors),
    minor: minorOf(`${mode}-version`, labels[`${prefix}${mode}-version`], errors),
  });
  const [enforce, audit] = [read('enforce'), read('audit')];
  let warn = read('warn');
  // Who enforces is warned of what will be refused, unless told otherwise.
  const asked = labels[`${prefix}enforce`];
  if (labels[`${prefix}warn`] === undefined && isLevel(asked) && isStricter(asked, warn.level)) {
    const own = labels[`${prefix}warn-version`] !== undefined;
    warn = { level: enforce.level, minor: own ? warn.minor : enforce.minor };
  }
  return { policy: { enforce, audit, warn }, errors };
}

export function isStricter(level: Level, than: Level): boolean {
  return levels.indexOf(level) > levels.indexOf(than);
}

export function isSame(one: LevelVersion, other: LevelVersion): boolean {
  return one.level === other.level && one.minor === other.minor;
}

/** `baseline:latest`, `restricted:v1.28` */
export function levelText({ level, minor }: LevelVersion): string {
  return `${level}:${minor === everything.minor ? 'latest' : `v1.${minor}`}`;
}

function isLevel(text: string | undefined): text is Level {
  return levels.some((level) => level === text);
}

/** What cannot be read is enforced strictly, and neither warned of nor audited. */
function levelOf(mode: Mode, text: string | undefined, errors: FieldError[]): Level {
  if (text === undefined) return everything.level;
  if (isLevel(text)) return text;
  errors.push(wrong(mode, text, `must be one of ${levels.join(', ')}`));
  return mode === 'enforce' ? 'restricted' : 'privileged';
}

function minorOf(label: string, text: string | undefined, errors: FieldError[]): number {
  if (text === undefined || text === 'latest') return everything.minor;
  const minor = /^v1\.(0|[1-9][0-9]*)$/.exec(text)?.[1];
  if (minor !== undefined && Number.isSafeInteger(Number(minor))) return Number(minor);
  errors.push(wrong(label, text, 'must be "latest" or "v1.x"'));
  return everything.minor;
}

function wrong(label: string, value: string, why: string): FieldError {
  return invalid(`metadata.labels[${prefix}${label}]`, value, why);
}
