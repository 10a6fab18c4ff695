export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly description: string;
  readonly required?: true;
  readonly schema: { readonly type: string; readonly uniqueItems: true };
}

type Type = 'string' | 'integer' | 'boolean';

const query = (name: string, description: string, type: Type = 'string'): Parameter => ({
  name,
  in: 'query',
  description,
  schema: { type, uniqueItems: true },
});
const inPath = (name: string, description: string): Parameter => ({
  name,
  in: 'path',
  description,
  required: true,
  schema: { type: 'string', uniqueItems: true },
});

export const pathParameters = {
  name: inPath('name', 'The name of the object.'),
  namespace: inPath('namespace', 'The namespace of the objects.'),
  path: inPath('path', 'The rest of the path to ask there for.'),
  /** Which all of the server's own answers know. */
  pretty: query('pretty', 'Whether JSON comes in lines.'),
} as const;

const selection = [
  query('continue', 'Where a list with a limit goes on, as the part before told.'),
  query('fieldSelector', 'Which fields the objects have.'),
  query('labelSelector', 'Which labels the objects have.'),
  query('limit', 'How many objects at most.', 'integer'),
  query('resourceVersion', 'How new what is told has to be.'),
  query('resourceVersionMatch', 'Whether that version is meant exactly, or any that is not older.'),
  query('sendInitialEvents', 'Whether a watch begins with what there is, and a bookmark behind it.', 'boolean'),
  query('shardSelector', 'Which part of the objects by hash; it counts where the feature is on.'),
  query('timeoutSeconds', 'How long it may take.', 'integer'),
];
const lists = [
  ...selection,
  query('allowWatchBookmarks', 'Whether a watch tells by bookmarks how far it is.', 'boolean'),
  query('watch', 'Whether changes are told instead of a list.', 'boolean'),
];
const dryRun = query('dryRun', 'All: nothing is stored.');
const fieldManager = query('fieldManager', 'Who owns the fields that are set.');
const writes = [
  dryRun,
  fieldManager,
  query('fieldValidation', 'What becomes of unknown and duplicate fields: Ignore, Warn or Strict.'),
];
const deletions = [
  dryRun,
  query('gracePeriodSeconds', 'How long the object may take to end; 0: it is deleted at once.', 'integer'),
  query(
    'ignoreStoreReadErrorWithClusterBreakingPotential',
    'Deletes what cannot be read from the store, without finalizers and preconditions.',
    'boolean',
  ),
  query('orphanDependents', 'Whether dependents stay; older than propagationPolicy.', 'boolean'),
  query('propagationPolicy', 'What becomes of dependents: Orphan, Background or Foreground.'),
];

const ofVerb = {
  get: [] as readonly Parameter[],
  list: lists,
  watch: lists,
  watchlist: lists,
  create: writes,
  update: writes,
  patch: [...writes, query('force', 'Whether an apply takes fields that others own.', 'boolean')],
  delete: deletions,
  deletecollection: [...selection, ...deletions],
} as const;

export type ParametersOf = keyof typeof ofVerb;

const ofCustom: { readonly [verb in ParametersOf]?: readonly Parameter[] } = {
  get: lists.filter(({ name }) => name === 'resourceVersion'),
  deletecollection: lists,
};

/** What a request of a verb may say; kubectl looks here whether dryRun and fieldValidation are known. */
export function parametersOf(verb: ParametersOf, isCustom: boolean): readonly Parameter[] {
  return (isCustom ? ofCustom[verb] : undefined) ?? ofVerb[verb];
}

const container = query('container', 'The container; absent: the only one.');
const streams = (['stderr', 'stdin', 'stdout'] as const).map((name) =>
  query(name, `Whether ${name} is connected.`, 'boolean'),
);
const terminal = [container, ...streams, query('tty', 'Whether it has a terminal.', 'boolean')];

/** Fields of PodAttachOptions and the like. */
const ofSubresource = {
  attach: terminal,
  exec: [query('command', 'The program, and its arguments: once each.'), ...terminal],
  portforward: [query('ports', 'The ports, where they are not told by the streams.', 'integer')],
  proxy: [query('path', 'The path to ask there for.')],
  log: [
    container,
    query('follow', 'Whether what is still written is told, too.', 'boolean'),
    query('insecureSkipTLSVerifyBackend', "Whether the kubelet's certificate does not count.", 'boolean'),
    query('limitBytes', 'How many bytes at most.', 'integer'),
    query('previous', 'Whether that of the container before is meant.', 'boolean'),
    query('sinceSeconds', 'How far back.', 'integer'),
    query('stream', 'Which of All, Stdout and Stderr.'),
    query('tailLines', 'How many lines at the end.', 'integer'),
    query('timestamps', 'Whether each line begins with its time.', 'boolean'),
  ],
} as const;

/** Those of what connects or streams; undefined: it is read and written like objects. */
export function subresourceParameters(name: string): readonly Parameter[] | undefined {
  return Object.hasOwn(ofSubresource, name) ? ofSubresource[name as keyof typeof ofSubresource] : undefined;
}
