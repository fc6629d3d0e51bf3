# Sourced by quickstart.sh and run_tests.sh: the project's own virtual environment, made once.
#
#   ensure_environment STACK [MMCV_WHEEL]     STACK: onedl or openmmlab
#
# sets PYTHON_BIN to the environment's python. The environment is ready when its marker holds the
# checksum of what it was made from; anything else (first run, cut-off install, changed pins) is
# made anew. A lock keeps two runs from installing at once.
#
# Settings: PYTHON (interpreter to build it with), MMWSSS_VENV (folder; default .venv for onedl,
# .venv-openmmlab for openmmlab).

fail() { echo "$(basename "$0"): $*" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.10 python}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' \
        2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "needs Python 3.10 or newer; set PYTHON to one"
}

environment_key() {  # what the environment is made from, as one checksum
  { echo "$1 $2 $("$3" -c 'import sys; print(sys.version, sys.prefix)')"
    cat requirements/*.txt setup.py tools/environment.sh
    pwd; } | cksum
}

make_environment() {  # STACK WHEEL BASE_PYTHON FOLDER
  # Each step says '|| return 1': called in a condition, 'set -e' does not hold in here, and an
  # installation that the disk cut off would pass for a finished one.
  local stack=$1 wheel=$2 base=$3 folder=$4
  echo "== making $folder ($stack stack); the download of torch takes the longest"
  rm -rf "$folder" || return 1
  "$base" -m venv "$folder" || fail "cannot make a virtual environment with $base;" \
    "on Debian or Ubuntu: apt-get install python3-venv"
  local pip=("$folder/bin/python" -m pip --disable-pip-version-check)
  local files=(-r "requirements/$stack.txt" -r requirements/extras.txt -r requirements/tests.txt)
  "${pip[@]}" install -q --progress-bar off 'setuptools>=64' wheel "${files[@]}" \
    ${wheel:+"$wheel"} || return 1
  "${pip[@]}" install -q --no-deps --no-build-isolation -e . || return 1
  "$folder/bin/python" -W ignore -c 'import torch, mmcv, mmseg, mmpretrain, mmwsss' || return 1
}

free_space() { df -Pk "$1" 2>/dev/null | awk 'NR == 2 {printf "%.1f GB", $4 / 1048576}'; }

ensure_environment() {
  local stack=$1 wheel=${2:-} base folder key
  case $stack in
    onedl) folder=${MMWSSS_VENV:-.venv} ;;
    openmmlab) folder=${MMWSSS_VENV:-.venv-openmmlab} ;;
    *) fail "unknown stack '$stack': onedl or openmmlab" ;;
  esac
  if [ -e "$folder" ] && [ ! -e "$folder/pyvenv.cfg" ] && [ -n "$(ls -A "$folder")" ]; then
    fail "$folder is not a virtual environment; set MMWSSS_VENV to another folder"
  fi
  base=$(find_python) || exit 1
  key=$(environment_key "$stack" "$wheel" "$base")
  if command -v flock >/dev/null; then
    exec 9>"${folder%/}.lock"
    flock -n 9 || { echo "== waiting for another run that is installing"; flock 9; }
  fi
  if [ "$(cat "$folder/.mmwsss-ready" 2>/dev/null)" != "$key" ]; then
    make_environment "$stack" "$wheel" "$base" "$folder" 9>&- || fail \
      "the installation failed (see above; $(free_space .) free here, about 9 GB are needed" \
      "on Linux, where torch comes with CUDA); run the same command again to redo it"
    echo "$key" > "$folder/.mmwsss-ready.part"
    mv "$folder/.mmwsss-ready.part" "$folder/.mmwsss-ready"
  fi
  command -v flock >/dev/null && exec 9>&-
  PYTHON_BIN=$(cd "$folder" && pwd)/bin/python
}
