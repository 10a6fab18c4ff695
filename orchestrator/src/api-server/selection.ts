import { apiError, FieldSelector, Selector, SelectorError } from '@berth/kube';
import { countingCost, readingCost } from './decoding/costs.ts';
import { atOnce, inTurns, type Steps } from './decoding/in-steps.ts';
import { largeBytes } from './decoding/large-bodies.ts';
import type { AnyObject, ResourceDefinition } from './resource-definition.ts';
import type { StoredObject } from './stored-object.ts';

/** Which objects a list or watch wants. */
export interface Selection {
  /** True where no selector was given. */
  readonly all: boolean;
  /** The one name that can match, where a field selector names it. */
  readonly name: string | undefined;
  readonly labels: string;
  /** Nothing else is looked at. */
  readonly isOfMetadata: boolean;
  /** How many conditions there are to look at for each object. */
  readonly conditions: number;
  matches(object: AnyObject): boolean;
}

export const everything: Selection = {
  all: true,
  name: undefined,
  labels: '',
  isOfMetadata: true,
  conditions: 0,
  matches: () => true,
};

/** Whether it is wanted. */
export function selects(selection: Selection, object: StoredObject): boolean {
  return selection.all || selection.matches(selection.isOfMetadata ? object.head : object.object);
}

/** What {@link selects} costs, in units of `turns`. */
export function selectingCost({ isOfMetadata, conditions }: Selection, object: StoredObject): number {
  const { length } = object.kv.value;
  return conditions + (isOfMetadata && length > largeBytes ? countingCost(length) : readingCost(object));
}

interface Selectors {
  readonly labelSelector: string;
  readonly fieldSelector: string;
}

/** @throws ApiError BadRequest – a selector that can't be read, or a field the kind does not know. */
export function selectionOf(definition: ResourceDefinition, selectors: Selectors): Selection {
  return atOnce(selectionSteps(definition, selectors));
}

/** The same, in turns of the event loop where it is long: a selector may have a hundred thousand terms. */
export function selectionInTurns(definition: ResourceDefinition, selectors: Selectors): Selection | Promise<Selection> {
  const isLong = selectors.labelSelector.length + selectors.fieldSelector.length > shortSelectors;
  return isLong ? inTurns(selectionSteps(definition, selectors)) : selectionOf(definition, selectors);
}

/** Signs, of which a term has two and more: read in a millisecond. */
const shortSelectors = 4096;

function* selectionSteps(
  definition: ResourceDefinition,
  { labelSelector, fieldSelector }: Selectors,
): Steps<Selection> {
  if (labelSelector === '' && fieldSelector === '') return everything;
  const labels = yield* labelSteps(labelSelector);
  const fields = parsed(() => FieldSelector.parse(fieldSelector));
  const readers = readersOf(definition);
  for (const { field } of fields.requirements)
    if (!Object.hasOwn(readers, field)) throw unknownField(definition, field);
  return {
    all: labels.isEmpty && fields.isEmpty,
    name: fields.exact('metadata.name'),
    labels: labelSelector,
    isOfMetadata: fields.requirements.every(({ field }) => field.startsWith('metadata.')),
    conditions: labels.size + fields.requirements.length,
    matches: (object) =>
      labels.matches(object.metadata.labels) && fields.matches((field) => readers[field]?.(object) ?? ''),
  };
}

type Readers = Readonly<Record<string, (object: AnyObject) => string>>;

function readersOf(definition: ResourceDefinition): Readers {
  const { namespaced, rules } = definition;
  return {
    'metadata.name': (object) => object.metadata.name ?? '',
    ...(namespaced || !hasOwnFields(definition)
      ? { 'metadata.namespace': (object: AnyObject) => object.metadata.namespace ?? '' }
      : {}),
    ...rules.selectableFields,
  };
}

/** Others know the fields that all have, a namespace also where there is none (runtime DefaultMetaV1FieldSelectorConversion). */
function hasOwnFields({ custom, rules }: ResourceDefinition): boolean {
  return custom !== undefined || rules.selectableFields !== undefined;
}

/** Kinds with fields of their own name only the field (their conversion function says so); the generic one those that all have. */
function unknownField(definition: ResourceDefinition, field: string) {
  const { group, version, kind } = definition;
  if (group === 'batch' && kind === 'Job')
    return apiError('BadRequest', `field label ${JSON.stringify(field)} not supported for ${kind}`);
  if (group === 'resource.k8s.io' && kind === 'ResourceSlice')
    return apiError('BadRequest', `field label not supported for ${group}/${version}, Kind=${kind}: ${field}`);
  if (hasOwnFields(definition)) return apiError('BadRequest', `field label not supported: ${field}`);
  const known = 'only "metadata.name", "metadata.namespace"';
  return apiError('BadRequest', `${JSON.stringify(field)} is not a known field selector: ${known}`);
}

/** In units of `turns`, of a term: to look at it takes less. */
const unitsPerTerm = 5;

function* labelSteps(text: string): Steps<Selector> {
  const steps = Selector.parseInSteps(text);
  for (;;) {
    const { done, value } = parsed(() => steps.next());
    if (done) return value;
    yield value * unitsPerTerm;
  }
}

function parsed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SelectorError) throw apiError('BadRequest', error.message);
    throw error;
  }
}
