// The public names of plinth/migrate: migrations, seeds and reset.
export {}
