"""The door for jobs: enters the job's tenant, runs one room function, settles."""
