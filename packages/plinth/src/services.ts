export { enqueue, type Enqueued, type EnqueueOptions } from './services/enqueue.ts'
export {
  task,
  type Task,
  type TaskContext,
  type TaskHandler,
  type TaskOptions,
  type TaskRetryOptions,
} from './services/task.ts'
export { startWorker, type Worker, type WorkerOptions } from './services/worker.ts'
