import type { PathHandler } from '../request-pipeline.ts';
import type { PriorityLevel } from './priority-level.ts';
import type { PriorityLevels } from './priority-levels.ts';
import type { Queue, Ticket } from './queue-set.ts';

/** More queues than this are told only where something is in them. */
const mostQueuesListed = 10_000;

/** `/debug/api_priority_and_fairness/dump_*`, the tables that upstream prints (apf_controller_debug.go). */
export function flowDebugPaths(levels: PriorityLevels, monotonicToWall: (ms: number) => number): PathHandler {
  return ([root, area, what, ...rest], { query }) => {
    if (root !== 'debug' || area !== 'api_priority_and_fairness' || rest.length > 0) return undefined;
    const all = [...levels.all.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const details = (query.get('includeRequestDetails') ?? '') !== '';
    const time = (ms: number | undefined) =>
      ms === undefined ? '0001-01-01T00:00:00Z' : timeText(monotonicToWall(ms));
    const rows =
      what === 'dump_priority_levels'
        ? [levelHeaders, ...all.map(levelRow)]
        : what === 'dump_queues'
          ? [queueHeaders, ...all.flatMap(queueRows)]
          : what === 'dump_requests'
            ? [
                [...requestHeaders, ...(details ? detailHeaders : [])],
                ...all.flatMap((one) => requestRows(one, time, details)),
              ]
            : undefined;
    return rows && { type: 'text', status: 200, text: tableText(rows) };
  };
}

type Row = readonly (string | number | boolean)[];

const levelHeaders: Row = [
  'PriorityLevelName',
  'ActiveQueues',
  'IsIdle',
  'IsQuiescing',
  'WaitingRequests',
  'ExecutingRequests',
  'DispatchedRequests',
  'RejectedRequests',
  'TimedoutRequests',
  'CancelledRequests',
];

function levelRow({ name, queues, quiescing }: PriorityLevel): Row {
  const active = [...queues.queues.values()].filter(({ waiting }) => waiting.size > 0).length;
  const { dispatched, rejected, cancelled } = queues.counts;
  return [name, active, queues.isIdle, quiescing, queues.waiting, queues.running, dispatched, rejected, 0, cancelled];
}

const queueHeaders: Row = [
  'PriorityLevelName',
  'Index',
  'PendingRequests',
  'ExecutingRequests',
  'SeatsInUse',
  'NextDispatchR',
  'InitialSeatsSum',
  'MaxSeatsSum',
  'TotalWorkSum',
];

function queueRows({ name, queues }: PriorityLevel): Row[] {
  const count = queues.limits.queuing?.queues ?? 0;
  const indices = count > mostQueuesListed ? [] : Array.from({ length: count }, (_, i) => i);
  const listed = [...new Set([...indices, ...queues.queues.keys()])].toSorted((a, b) => a - b);
  return listed.map((index) => queueRow(name, index, queues.queues.get(index)));
}

function queueRow(name: string, index: number, queue: Queue | undefined): Row {
  if (!queue) return [name, index, 0, 0, 0, seatSeconds(0), 0, 0, seatSeconds(0)];
  const { waiting, running, seatsInUse, nextDispatch, initialSeatsWaiting, seatsWaiting, workWaiting } = queue;
  const [next, work] = [seatSeconds(nextDispatch), seatSeconds(workWaiting)];
  return [name, index, waiting.size, running.size, seatsInUse, next, initialSeatsWaiting, seatsWaiting, work];
}

const requestHeaders: Row = [
  'PriorityLevelName',
  'FlowSchemaName',
  'QueueIndex',
  'RequestIndexInQueue',
  // Upstream's spelling.
  'FlowDistingsher',
  'ArriveTime',
  'InitialSeats',
  'FinalSeats',
  'AdditionalLatency',
  'StartTime',
];
const detailHeaders: Row = [
  'UserName',
  'Verb',
  'APIPath',
  'Namespace',
  'Name',
  'APIVersion',
  'Resource',
  'SubResource',
];

function requestRows({ name, queues }: PriorityLevel, time: (ms: number | undefined) => string, details: boolean) {
  const row = (queue: number, index: number, { request, arrivedAt, startedAt }: Ticket): Row => {
    const { schema, distinguisher, work, info, user } = request;
    const { initialSeats, finalSeats, additionalMs } = work;
    const times = [time(arrivedAt), initialSeats, finalSeats, latencyText(additionalMs), time(startedAt)];
    const version = info.group === '' ? info.version : `${info.group}/${info.version}`;
    const { verb, path, namespace, name: object, resource, subresource } = info;
    const more = details ? [user.name, verb, path, namespace, object, version, resource, subresource] : [];
    return [name, schema, queue, index, distinguisher, ...times, ...more];
  };
  const queued = [...queues.queues.values()].flatMap(({ index, waiting, running }) => [
    ...[...waiting].map((ticket, place) => row(index, place, ticket)),
    ...[...running].map((ticket) => row(index, -1, ticket)),
  ]);
  return [...queued, ...[...queues.queueless].map((ticket) => row(-1, -1, ticket))];
}

function latencyText(ms: number): string {
  return ms === 0 ? '0s' : `${ms}ms`;
}

function timeText(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.?0*Z$/, 'Z');
}

function seatSeconds(value: number): string {
  return `${value.toFixed(8)}ss`;
}

/** As Go's tabwriter aligns with a padding of one and cells of eight and more. */
function tableText(rows: readonly Row[]): string {
  const cells = rows.map((row) => row.map((cell, i) => `${cell}${i + 1 < row.length ? ',' : ''}`));
  const widths: number[] = [];
  for (const row of cells)
    for (const [i, cell] of row.entries())
      widths[i] = Math.max(widths[i] ?? 0, i + 1 < row.length ? Math.max(cell.length + 1, 8) : 0);
  return cells
    .map((row) => `${row.map((cell, i) => (i + 1 < row.length ? cell.padEnd(widths[i] ?? 0) : cell)).join('')}\n`)
    .join('');
}
