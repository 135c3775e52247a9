export { enqueue, type Enqueued, type EnqueueOptions, type TaskReference } from './services/enqueue.ts'
export {
  task,
  type Task,
  type TaskContext,
  type TaskHandler,
  type TaskOptions,
  type TaskRetryOptions,
} from './services/task.ts'
export { listTasks, redriveTasks, retryTask, showTask } from './services/task-inspection.ts'
export type { ListTasksOptions, Redrive, TaskDetails, TaskRow, TaskState } from './services/task-inspection.ts'
export { startWorker, type Worker, type WorkerOptions } from './services/worker.ts'
