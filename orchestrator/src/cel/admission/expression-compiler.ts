import type { Steps } from '../../api-server/decoding/in-steps.ts';
import { Environment, type Program } from '../environment.ts';
import { type CelType, dynType, listOf, mapOf, objectType } from '../language/cel-type.ts';
import type { FunctionDeclaration } from '../language/declarations.ts';
import type { ObjectDeclaration } from '../language/type-provider.ts';
import { authorizerType, resourceCheckType } from '../library/authorization.ts';
import { admissionObjects } from './admission-types.ts';

/** An expression of admission, read; with an error it fails whenever it is asked. */
export interface Expression {
  readonly text: string;
  readonly program?: Program;
  readonly error?: string;
  /** `dyn` where it could not be read. */
  readonly outputType: CelType;
}

export interface CompilerOptions {
  readonly hasParams: boolean;
  /** Absent: there are. */
  readonly hasVariables?: boolean;
  /** Absent: `authorizer.requestResource` is known. */
  readonly hasRequestResource?: boolean;
  /** What `object`, `oldObject` and `params` are known to be; absent: anything. */
  readonly types?: Readonly<Record<string, CelType>>;
  readonly objects?: readonly ObjectDeclaration[];
  readonly functions?: readonly FunctionDeclaration[];
  /** Objects that are known by their names' form. */
  readonly namedObject?: (name: string) => ObjectDeclaration | undefined;
}

const variablesType = 'kubernetes.variables';

/** Reads the expressions of one webhook or policy; its variables become fields of `variables` as they are read. */
export class ExpressionCompiler {
  readonly #environments: Readonly<Record<'withAuthorizer' | 'without', () => Environment>>;
  readonly #fields = new Map<string, CelType>();

  constructor({
    hasParams,
    hasVariables = true,
    hasRequestResource = true,
    types = {},
    objects = [],
    functions = [],
    namedObject,
  }: CompilerOptions) {
    const variables: Record<string, CelType> = {
      object: types['object'] ?? dynType,
      oldObject: types['oldObject'] ?? dynType,
      namespaceObject: objectType('kubernetes.Namespace'),
      request: objectType('kubernetes.AdmissionRequest'),
      ...(hasVariables ? { variables: objectType(variablesType) } : {}),
      ...(hasParams ? { params: types['params'] ?? dynType } : {}),
    };
    const own: ObjectDeclaration = { name: variablesType, field: (name) => this.#fields.get(name) };
    const shared = {
      objects: [...admissionObjects, own, ...objects],
      functions,
      ...(namedObject ? { namedObject } : {}),
    };
    const authorizers = {
      authorizer: authorizerType,
      ...(hasRequestResource ? { 'authorizer.requestResource': resourceCheckType } : {}),
    };
    this.#environments = {
      without: lazy(() => new Environment({ ...shared, variables })),
      withAuthorizer: lazy(() => new Environment({ ...shared, variables: { ...variables, ...authorizers } })),
    };
  }

  /** `wanted`: the types it may give; empty: any. */
  *compiling(text: string, wanted: readonly CelType[], authorizer = true): Steps<Expression> {
    const environment = this.#environments[authorizer ? 'withAuthorizer' : 'without']();
    const compiled = yield* environment.compiling(text);
    if (compiled.type === 'invalid')
      return { text, error: `compilation failed: ${compiled.message}`, outputType: dynType };
    const { program } = compiled;
    const { outputType } = program;
    if (wanted.length > 0 && !wanted.some((type) => type.is(outputType)))
      return { text, error: unwanted(wanted, outputType), outputType: dynType };
    const problem = program.planError();
    if (problem !== undefined) return { text, error: `program instantiation failed: ${problem}`, outputType: dynType };
    return { text, program, outputType };
  }

  /** What the checker complains of, in cel-go's words; undefined: of nothing. */
  *findingIssues(text: string): Steps<string | undefined> {
    const compiled = yield* this.#environments.withAuthorizer().compiling(text);
    return compiled.type === 'invalid' ? compiled.message : undefined;
  }

  /** From here on expressions can name it. */
  *compilingVariable(name: string, text: string): Steps<Expression> {
    const expression = yield* this.compiling(text, []);
    this.#fields.set(name, knownType(expression.outputType));
    return expression;
  }
}

function unwanted(wanted: readonly CelType[], got: CelType): string {
  const names = wanted.map(({ declaredName }) => declaredName);
  return names.length === 1
    ? `must evaluate to ${names[0]} but got ${got.declaredName}`
    : `must evaluate to one of [${names.join(' ')}] but got ${got.declaredName}`;
}

/** Objects and what libraries bring is anything for those who use the variable, also inside of lists and maps. */
function knownType(type: CelType): CelType {
  if (type.kind === 'list') return listOf(knownType(type.parameter(0)));
  if (type.kind === 'map') return mapOf(knownType(type.parameter(0)), knownType(type.parameter(1)));
  return ['object', 'opaque', 'type', 'param', 'error'].includes(type.kind) ? dynType : type;
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
