/** What every package stands on: time, chance, errors, logs, guards, queues. No storage and no Kubernetes word. */
export { addHelpCommands } from './add-help-commands.ts';
export { Backoff, type BackoffOptions } from './backoff.ts';
export { Channel } from './channel.ts';
export { type Clock, rfc3339, rfc3339Micro, sleepBySchedule, systemClock } from './clock.ts';
export { abortable, deadline } from './deadline.ts';
export { removeHalfWritten, syncDirectory, writeFileDurably } from './durable-file.ts';
export { CodedError, type CodedErrorOptions, isAbort, messageOf, TerminalError } from './errors.ts';
export { FakeClock, settle } from './fake-clock.ts';
export { BusyError, Guard, KeyedMutex } from './guard.ts';
export { type HttpEndpointOptions, httpAddress, startHttpEndpoint } from './http-endpoint.ts';
export { isZero } from './is-zero.ts';
export {
  exactIntegers,
  type Integer,
  integerOf,
  isInt64,
  isInteger,
  isNumber,
  mayHaveLargeInteger,
  numberOf,
  roundedIntegers,
} from './json-integers.ts';
export { keepCompiled } from './keep-compiled.ts';
export {
  createLogger,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  logLevels,
  silentLogger,
} from './logger.ts';
export { makeFolders } from './make-folders.ts';
export { type Labels, Metrics } from './metrics.ts';
export { ownMember } from './own-member.ts';
export { type Rng, randomSuffix, seededRng, systemRng } from './random.ts';
export { type ControllerOptions, type Reconcile, runController } from './run-controller.ts';
export { runInThread, ThreadTooLong, type ThreadWork } from './run-in-thread.ts';
export { SharedCalls } from './shared-calls.ts';
export { startTask } from './start-task.ts';
export { outputsByTurns } from './turn-writer.ts';
export { SmallSteps, Turns } from './turns.ts';
export { withoutEnd } from './without-end.ts';
export { type QueueObserver, type QueueState, WorkQueue, type WorkQueueOptions } from './work-queue.ts';
