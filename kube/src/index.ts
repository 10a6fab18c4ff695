/** Kubernetes as data and as a client: types, resources, errors, transport, informers. */
export {
  ApiError,
  type ApiErrorDetails,
  apiError,
  isAlreadyExists,
  isConflict,
  isNotFound,
  isReason,
  type StatusReason,
  statusReasons,
} from './api-error.ts';
export { canonicalJson } from './apply/canonical-json.ts';
export { compareText } from './apply/compare-text.ts';
export { type Comparison, compareTyped } from './apply/compare-typed.ts';
export { equalValues } from './apply/compare-values.ts';
export {
  type Applied,
  ApplyConflicts,
  applyConfiguration,
  type Conflict,
  type ManagedSet,
  type Managers,
  ownByUpdate,
  type Versions,
  type Writing,
} from './apply/field-ownership.ts';
export {
  difference,
  emptySet,
  type FieldSet,
  hasPath,
  inOrder,
  intersection,
  isEmptySet,
  readFieldSet,
  recursiveDifference,
  union,
} from './apply/field-set.ts';
export { goType } from './apply/go-format.ts';
export {
  deduced,
  type MergeList,
  type MergeMap,
  type MergeType,
  mergeTypeOf,
  untypedAtomic,
} from './apply/merge-type.ts';
export { mergeTyped } from './apply/merge-typed.ts';
export { type OpenApiSchema, openApiMergeType } from './apply/open-api-merge-type.ts';
export { FieldSetError, type PathElement, printPath } from './apply/path-element.ts';
export { fieldSetOf } from './apply/typed-field-set.ts';
export { TypedError, type TypedValue } from './apply/typed-value.ts';
export { validateTyped } from './apply/validate-typed.ts';
export {
  type DeleteOptions,
  KubeClient,
  type ListOptions,
  type ObjectList,
  type ObjectRef,
  type Patch,
  type WatchOptions,
  type WriteOptions,
} from './client.ts';
export { controllerOf } from './controller-of.ts';
export { copyJson } from './copy-json.ts';
export { createEventRecorder, type EventRecorderOptions } from './create-event-recorder.ts';
export { createEventSeriesRecorder, type EventSeriesRecorderOptions } from './create-event-series-recorder.ts';
export { type Decoded, type DecodedFrom, decodeObject } from './decode.ts';
export { decodeProtobuf, type ProtobufBody, TypedDecodeError, type UsualKind } from './decode-protobuf.ts';
export { nestsDeeper, stringifyDeep } from './deep-json.ts';
export { encodeProtobuf, protobufWriter } from './encode-protobuf.ts';
export type { EventOptions, EventRecorder } from './event-recorder.ts';
export { type FieldRequirement, FieldSelector } from './field-selector.ts';
export { resources } from './gen/resources.ts';
export type * from './gen/types.ts';
export { goFloat, goNumber } from './go-float.ts';
export { base64Problem, DecodeError, goValueName, parseTime, unmarshalProblem } from './go-json.ts';
export { goEscapes, goQuote } from './go-quote.ts';
export { goTrim } from './go-trim.ts';
export { goUtf8 } from './go-utf8.ts';
export { apiVersionOf, type GroupVersion, groupVersionOf, groupVersionProblem } from './group-version.ts';
export { type HttpTransportOptions, httpTransport } from './http-transport.ts';
export {
  type ChangeHandler,
  type Indexer,
  type Informer,
  type InformerScope,
  type Informers,
  keyOf,
  type ObjectKey,
  splitKey,
} from './informer.ts';
export { asWritten, copyAsWritten, isWrittenAsFloat, keepJsonNotes } from './json-notes.ts';
export { forEachField } from './json-reader.ts';
export { isRecord, setOwn, sortedJson, sortMembers } from './json-value.ts';
export { type ClusterAccess, inClusterConfig, KubeconfigError, loadKubeconfig } from './kubeconfig.ts';
export { labelValueErrors, qualifiedNameErrors } from './label-name.ts';
export { asInt64, type LabelOperator, type LabelRequirement } from './label-requirement.ts';
export { LabelSelector as Selector, type Labels } from './label-selector.ts';
export { LruMap } from './lru-map.ts';
export { maxDepth, parseExact, parseJson, parseJsonStrict } from './parse-json.ts';
export { applyMergePatch } from './patch/json-merge-patch.ts';
export { applyJsonPatch, jsonPatchSteps } from './patch/json-patch.ts';
export { goValue } from './patch/patch-error.ts';
export { applyStrategicMergePatch, leftOfStrategicMerge } from './patch/strategic-merge-patch.ts';
export type { ProtobufWriter } from './protobuf-writer.ts';
export { Quantity } from './quantity.ts';
export { QuantityError, type QuantityFormat } from './quantity-text.ts';
export { type KubeObject, type ResourceType, resourceType } from './resource-type.ts';
export { restoreIntegers } from './restore-integers.ts';
export { type LeaderOptions, LeadershipLostError, runAsLeader } from './run-as-leader.ts';
export {
  type FieldSchema,
  type GroupVersionKind,
  type ObjectSchema,
  type ScalarType,
  type Schemas,
  schemaFor,
  schemas,
} from './schema.ts';
export { SelectorError } from './selector-error.ts';
export {
  copyWithSentEmpties,
  keepSentEmpties,
  keepSentEmpty,
  nullSentEmpties,
  sentEmpties,
  withSentEmpty,
} from './sent-empties.ts';
export { type InformersOptions, startInformers } from './start-informers.ts';
export type { ApiRequest, Transport, WatchEvent } from './transport.ts';
