import type { ObjectMeta } from '@berth/kube';
import type { AdmissionSteps } from '../metrics/admission-steps.ts';
import type { AnyObject, FieldError, ResourceDefinition } from '../resource-definition.ts';
import type { User } from '../user.ts';
import type { Asked } from './asked.ts';
import { PluginStep } from './plugin-step.ts';
import { Reinvocation } from './reinvocation.ts';
import type { Settlement } from './settlement.ts';

export interface AdmissionRequest extends Asked {
  /** `connect`: a stream to what the object stands for; `object` is what it is asked with. */
  readonly operation: 'create' | 'update' | 'delete' | 'connect';
  readonly definition: ResourceDefinition;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** The object on its way in, changed in place; for a delete what stands there. */
  readonly object: AnyObject;
  readonly old: AnyObject | undefined;
  readonly user: User;
  /** Nothing is written, here neither. */
  readonly dryRun: boolean;
  /** Tells the client, in a `Warning` header. */
  readonly warn: (text: string) => void;
  /** The name is one that the server made of `generateName`. */
  readonly generatedName?: boolean;
  /** Of kinds that take what no two objects may have. */
  readonly settlement?: Settlement;
  /** Set while mutating plugins run. */
  readonly reinvocation?: Reinvocation;
}

/** One rule of the server's own. Changes the object or throws ApiError; anything else it leaves alone. */
export type AdmissionPlugin = (request: AdmissionRequest) => void | Promise<void>;

/** Undefined: it is no affair of its. */
export type FieldCheck = (request: AdmissionRequest) => Promise<readonly FieldError[]> | undefined;

export interface Admission {
  /** Before validation; may change the object. */
  mutate(request: AdmissionRequest): Promise<void>;
  /** What is wrong with fields for other objects' or the user's sake: told first among what validation finds. */
  fieldErrors: FieldCheck;
  /** After validation; changes nothing. */
  validate(request: AdmissionRequest): Promise<void>;
  /** An object is gone: what only one could have is free again. */
  removed(definition: ResourceDefinition, object: AnyObject): Promise<void> | undefined;
  /** Whether such a request is asked about outside the server: it may take long, and nobody shall wait for it. */
  callsOut(about: Pick<AdmissionRequest, 'definition' | 'operation' | 'subresource' | 'namespace' | 'name'>): boolean;
  /** Reads what rules are kept as objects, and follows them until `signal`. */
  start(signal: AbortSignal): Promise<void>;
}

/** A plugin by name, and whether upstream asks it about such a request: only then it is told how long it took. */
export interface NamedPlugin {
  readonly name: string;
  readonly operations: ReadonlySet<string>;
  readonly run: AdmissionPlugin;
}

/** Runs plugins in order, as upstream's chain does; the mutating ones twice where one of them wants it. */
export function admissionChain(plugins: {
  readonly mutating: readonly NamedPlugin[];
  /** Once, on what the mutating ones made. */
  readonly finishing: readonly AdmissionPlugin[];
  /** Those of the mutating ones that look at deletions, too, of which they change nothing. */
  readonly deleting: readonly NamedPlugin[];
  readonly validating: readonly NamedPlugin[];
  readonly fieldErrors: FieldCheck;
  readonly removed: Admission['removed'];
  readonly callsOut: Admission['callsOut'];
  readonly start: Admission['start'];
  /** Asked at each request: it is made after admission. Undefined: nothing is told. */
  readonly steps: () => AdmissionSteps | undefined;
}): Admission {
  const { steps } = plugins;
  const mutating = new PluginStep('admit', plugins.mutating, steps);
  const deleting = new PluginStep('admit', plugins.deleting, steps);
  const validating = new PluginStep('validate', plugins.validating, steps);
  return {
    mutate: async (request) => {
      const reinvocation = new Reinvocation();
      const known = { ...request, reinvocation };
      await mutating.run(known, () => reinvocation.begin());
      for (const plugin of plugins.finishing) await plugin(known);
    },
    fieldErrors: plugins.fieldErrors,
    validate: async (request) => {
      if (request.operation === 'delete') await deleting.run(request);
      await validating.run(request);
    },
    removed: plugins.removed,
    callsOut: plugins.callsOut,
    start: plugins.start,
  };
}

/** Adds a finalizer where it is missing. */
export function ensureFinalizer(metadata: ObjectMeta, finalizer: string): void {
  if (!metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
}

export function isResource({ definition, subresource }: AdmissionRequest, group: string, plural: string): boolean {
  return subresource === '' && definition.group === group && definition.plural === plural;
}
