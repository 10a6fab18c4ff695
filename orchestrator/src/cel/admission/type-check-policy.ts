import {
  type ExpressionWarning,
  groupVersionOf,
  groupVersionProblem,
  type NamedRuleWithOperations,
  type ValidatingAdmissionPolicySpec,
} from '@berth/kube';
import type { JsonSchema } from '../../api-server/custom-resources/schema/json-schema.ts';
import { inTurns, type Steps } from '../../api-server/decoding/in-steps.ts';
import { type DeclType, declTypeOf, objectsOf } from '../crd/decl-type.ts';
import { ExpressionCompiler } from './expression-compiler.ts';

export interface PolicyKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** What is served, and what it looks like. */
export interface KindWorld {
  /** Of a resource by its plural or singular name; `group` empty: in any group. */
  readonly kindsOf: (group: string, version: string, resource: string) => readonly PolicyKind[];
  /** Undefined: not known. */
  readonly schemaOf: (kind: PolicyKind) => JsonSchema | undefined;
}

/** Of one rule so many are looked at, and no rule after that one (maxTypesToCheck). */
const mostKinds = 10;
/** What making types of its schema takes: a pod has hundreds. */
const unitsPerKind = 20_000;

/**
 * What is wrong with a policy's expressions for the kinds it is about, as far as their types tell
 * (policy/validating/typechecking.go). Others are served in between.
 */
export function typeWarnings(
  spec: ValidatingAdmissionPolicySpec,
  world: KindWorld,
): Promise<readonly ExpressionWarning[]> {
  return inTurns(checkingTypes(spec, world));
}

function* checkingTypes(spec: ValidatingAdmissionPolicySpec, world: KindWorld): Steps<ExpressionWarning[]> {
  const checks = yield* makingChecks(spec, world);
  const warnings: ExpressionWarning[] = [];
  for (const [i, { expression = '', messageExpression = '' }] of (spec.validations ?? []).entries()) {
    const texts = { expression, ...(messageExpression === '' ? {} : { messageExpression }) };
    for (const [name, text] of Object.entries(texts)) {
      const found: string[] = [];
      for (const check of checks) {
        const issues = yield* check(text);
        if (issues !== undefined) found.push(issues);
      }
      const warning = found.join('\n');
      if (warning !== '') warnings.push({ fieldRef: `spec.validations[${i}].${name}`, warning });
    }
  }
  return warnings;
}

type Check = (expression: string) => Steps<string | undefined>;

/** One for each kind whose schema is known. */
function* makingChecks(spec: ValidatingAdmissionPolicySpec, world: KindWorld): Steps<Check[]> {
  const kinds = matchedKinds(spec.matchConstraints?.resourceRules ?? [], world);
  const paramKind = paramKindOf(spec);
  const paramSchema = paramKind && world.schemaOf(paramKind);
  const params = paramSchema && declTypeOf(paramSchema, true, `${paramKind.kind}${kinds.length}`);
  const checks: Check[] = [];
  for (const [index, kind] of kinds.entries()) {
    yield unitsPerKind;
    const schema = world.schemaOf(kind);
    if (!schema) continue;
    // Named apart, since params may be of the same kind.
    const object = declTypeOf(schema, true, `${kind.kind}${index}`);
    const compiler = compilerFor({ object, params, hasParams: paramKind !== undefined });
    for (const { name, expression } of spec.variables ?? []) yield* compiler.compilingVariable(name, expression);
    checks.push(function* (text) {
      const issues = yield* compiler.findingIssues(text);
      return issues === undefined ? undefined : `${printed(kind)}: ${issues}\n`;
    });
  }
  return checks;
}

function compilerFor({
  object,
  params,
  hasParams,
}: {
  readonly object: DeclType | undefined;
  readonly params: DeclType | undefined;
  readonly hasParams: boolean;
}): ExpressionCompiler {
  return new ExpressionCompiler({
    hasParams,
    hasRequestResource: false,
    types: {
      ...(object ? { object: object.type, oldObject: object.type } : {}),
      ...(params ? { params: params.type } : {}),
    },
    objects: [object, params].flatMap((type) => (type ? objectsOf(type) : [])),
  });
}

/** As Go prints a GroupVersionKind. */
function printed({ group, version, kind }: PolicyKind): string {
  return `${group}/${version}, Kind=${kind}`;
}

function paramKindOf({ paramKind }: ValidatingAdmissionPolicySpec): PolicyKind | undefined {
  const { apiVersion = '', kind = '' } = paramKind ?? {};
  if (!paramKind || groupVersionProblem(apiVersion) !== undefined) return undefined;
  const { group, version } = groupVersionOf(apiVersion);
  return group === '' && version === '' && kind === '' ? undefined : { group, version, kind };
}

/** The kinds that rules name, sorted; rules with wildcards name none. */
function matchedKinds(rules: readonly NamedRuleWithOperations[], world: KindWorld): readonly PolicyKind[] {
  const found = new Map<string, PolicyKind>();
  for (const rule of rules) if (addKinds(rule, world, found)) break;
  return [...found.values()].sort(
    (a, b) => compare(a.group, b.group) || compare(a.version, b.version) || compare(a.kind, b.kind),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** @returns true – no more are looked at. */
function addKinds(rule: NamedRuleWithOperations, world: KindWorld, found: Map<string, PolicyKind>): boolean {
  const { apiGroups = [], apiVersions = [], resources = [] } = rule;
  if ([...apiGroups, ...apiVersions].some((name) => name.includes('*'))) return false;
  const plain = resources.filter((name) => !/[*/]/.test(name)).sort();
  let count = 0;
  for (const group of apiGroups.toSorted())
    for (const version of apiVersions.toSorted())
      for (const resource of plain)
        for (const kind of world.kindsOf(group, version, resource)) {
          found.set(printed(kind), kind);
          if (++count === mostKinds) return true;
        }
  return false;
}
