import type { KubeObject, MergeType } from '@berth/kube';
import type { CustomResource } from './custom-resources/custom-resource.ts';

/** A JSON object on its way through the server: decoded, owned by the request, changed in place by defaulting. */
// biome-ignore lint/suspicious/noExplicitAny: objects of every kind pass here; definitions narrow them.
export type AnyObject = KubeObject & Record<string, any>;

/** One wrong field, in upstream's classification and words (apimachinery `field.Error`). */
export interface FieldError {
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueDuplicate'
    | 'FieldValueNotFound'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid'
    | 'InternalError';
  /** `spec.containers[0].name` */
  readonly field: string;
  /** Whole, as in `details.causes[].message`: `Invalid value: "x": must be …`. */
  readonly message: string;
}

export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description: string;
  /** Above 0 is shown by `-o wide` only. */
  readonly priority: number;
  /** The cell; `now` (epoch ms) is for ages. */
  readonly cell: (object: AnyObject, now: number) => unknown;
}

/** What a request brings that rules may depend on. */
export interface RequestContext {
  /** Tells the client, of an object that it creates. */
  readonly warn?: (text: string) => void;
  readonly now: number;
  readonly user: string;
  readonly groups: readonly string[];
  readonly uid?: string | undefined;
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Epoch-independent chance for generated names and uids. */
  readonly newUid: () => string;
}

/** Which write is checked. */
export interface CheckAbout {
  readonly endpoint: 'main' | 'status' | 'other';
  readonly warn: (text: string) => void;
}

/**
 * The rules of one kind; every one is optional and runs in this order.
 * Create: prepareForCreate → default → validate; of custom resources default → prepareForCreate → validate,
 * so that a status is dropped with its defaults. Update: prepareForUpdate → default → validate → validateUpdate.
 */
export interface Rules {
  /** Why upstream has no unversioned form of what a client sent, in its words. */
  readonly unconvertible?: (object: AnyObject) => string | undefined;
  /** Fills what upstream's SetDefaults functions fill. Idempotent; also runs on what was stored by an older version. */
  readonly default?: (object: AnyObject) => void;
  /** Drops status, starts generation. The generic part (metadata) is the server's. */
  readonly prepareForCreate?: (object: AnyObject, context: RequestContext) => void;
  /** Takes over what this endpoint may not change; raises generation where spec changed. */
  readonly prepareForUpdate?: (next: AnyObject, old: AnyObject, context: RequestContext) => void;
  /** The same two for the status endpoint. */
  readonly prepareForStatusUpdate?: (next: AnyObject, old: AnyObject, context: RequestContext) => void;
  /** `old` is what an update replaces. */
  readonly validate?: (object: AnyObject, old?: AnyObject) => readonly FieldError[];
  /** In place of it where a change is checked for less than a new object. */
  readonly validateChanged?: (object: AnyObject, old?: AnyObject) => readonly FieldError[];
  /** What an update of any kind must not do to metadata; told before all else, but for the status endpoint, whose rules have it. */
  readonly validateMetadataUpdate?: (next: AnyObject, old: AnyObject) => readonly FieldError[];
  /** Of the kinds whose changes upstream checks before the object itself. */
  readonly validateChangeFirst?: (next: AnyObject, old: AnyObject) => readonly FieldError[];
  readonly validateUpdate?: (next: AnyObject, old: AnyObject) => readonly FieldError[];
  readonly validateStatusUpdate?: (next: AnyObject, old: AnyObject) => readonly FieldError[];
  /** Subresources that write the object itself (`ephemeralcontainers`); they run in place of the two above. */
  readonly subresources?: Readonly<
    Record<string, Pick<Rules, 'prepareForUpdate' | 'validateChangeFirst' | 'validateUpdate'>>
  >;
  /** What else is wrong with a new object or a change, where finding out takes long or much code; comes after all others. */
  readonly checkAlso?: (
    next: AnyObject,
    old: AnyObject | undefined,
    about: CheckAbout,
  ) => Promise<readonly FieldError[]>;
  /** True: nobody overwrites an object without saying which revision of it (the strategy's AllowUnconditionalUpdate is false). */
  readonly requiresRevision?: true;
  /** True: admission takes what no two objects may have (addresses); it is told what became of the object (rest BeginCreate). */
  readonly takesShared?: true;
  /** The state a deletion puts an object in where something of the server's own must be done before it is gone. */
  readonly markDeleted?: (object: AnyObject, now: number) => AnyObject;
  /** Why what has such a name may not be deleted by it (a collection takes it along, as upstream's). */
  readonly undeletable?: (name: string) => string | undefined;
  /** Warnings for the `Warning` header. */
  readonly warnings?: (object: AnyObject, old?: AnyObject) => readonly string[];
  /** The same for whoever writes the status. */
  readonly statusWarnings?: (object: AnyObject) => readonly string[];
  /** Names, and what generated ones begin with, are validated like this; the default is a DNS subdomain. */
  readonly nameRule?:
    | 'any'
    | 'dnsSubdomain'
    | 'longName'
    | 'deviceClassName'
    | 'dnsLabel'
    | 'dns1035Label'
    | 'pathSegment'
    | 'rbacName';
  /** Fields a selector may name besides metadata.name and metadata.namespace. */
  readonly selectableFields?: Readonly<Record<string, (object: AnyObject) => string>>;
  /** How long deletion waits where the request does not say (pods: spec.terminationGracePeriodSeconds); absent: at once. */
  readonly defaultGracePeriodSeconds?: (object: AnyObject) => number;
  /** Seconds until the object disappears by itself (events: 3600); 0: it stays. */
  readonly ttlSeconds?: number;
  /** The order of a table's rows where upstream's printer sorts them; absent: that of the list. */
  readonly tableOrder?: (a: AnyObject, b: AnyObject) => number;
}

export interface ResourceDefinition {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  /** Name of its schema in `kube`'s schema table: `io.k8s.api.core.v1.Pod`. */
  readonly schema: string;
  /** Where several versions or groups show the same stored objects (core and events.k8s.io Events): whose store they use, and the way there and back. */
  readonly storedAs?: {
    readonly group: string;
    readonly plural: string;
    readonly toStored: (object: AnyObject) => AnyObject;
    readonly fromStored: (object: AnyObject) => AnyObject;
  };
  /** How its objects are merged and owned by server-side apply, where no built-in schema says so: custom resources (see `openApiMergeType`). */
  readonly merge?: MergeType;
  /** What a CustomResourceDefinition says of it; absent: it is built in. */
  readonly custom?: CustomResource;
  readonly subresources: readonly SubresourceDefinition[];
  readonly columns: readonly TableColumn[];
  /** What upstream's printer puts behind them without a column of its own: clients leave it out. */
  readonly cellsBeyond?: readonly TableColumn['cell'][];
  readonly rules: Rules;
  /** Review kinds (TokenReview, SubjectAccessReview …) are answered, not stored. */
  readonly stored: boolean;
}

/** `PodList`; custom resources say it themselves. */
export function listKindOf({ kind, custom }: Pick<ResourceDefinition, 'kind' | 'custom'>): string {
  return custom?.listKind ?? `${kind}List`;
}

export interface SubresourceDefinition {
  readonly name: string;
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  readonly verbs: readonly string[];
}
