"""Checkpoints that survive being killed while they are written."""
import hashlib
import io
import os
import os.path as osp
from typing import Dict, Optional

import torch
from mmengine.dist import is_main_process, master_only
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS

from mmwsss.atomic_files import (
    move_into_place,
    remove_stale_temporaries,
    temporary_path,
    write_atomic,
    write_text_atomic,
)

from ..safe_load import load_checkpoint_safely


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """Drop-in for mmengine's ``CheckpointHook``: there is a whole checkpoint at any moment.

    mmengine deletes the outdated checkpoint first and then writes the new one in its final place;
    a crash in between loses both. Here the order is: write beside, wait for the disk, rename,
    move ``last_checkpoint``, and only then delete what ``max_keep_ckpts`` or a new best score has
    made superfluous. Remote ``out_dir`` (S3 and the like) are handled by the parent class, whose
    uploads are atomic by themselves; there the parent's order stays.

    Args: see :class:`mmengine.hooks.CheckpointHook`.
    """

    def before_train(self, runner) -> None:
        super().before_train(runner)
        self.atomic = isinstance(self.file_backend, LocalBackend)
        if self.atomic and is_main_process():
            os.makedirs(self.out_dir, exist_ok=True)
            remove_stale_temporaries(self.out_dir)

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        if not self.atomic:
            super()._save_checkpoint_with_step(runner, step, meta)
            return
        outdated = self._keep(runner, step)
        self.last_ckpt = osp.join(self.out_dir, self.filename_tmpl.format(step))
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        self._write(runner, self.last_ckpt, meta, self.save_optimizer, self.save_param_scheduler,
                    self.by_epoch, **self.args)
        if is_main_process():
            write_text_atomic(osp.join(runner.work_dir, 'last_checkpoint'), self.last_ckpt)
            for old in outdated:
                _remove(osp.join(self.out_dir, self.filename_tmpl.format(old)))

    def _keep(self, runner, step: int) -> list:
        """Note ``step`` as kept; returns the steps to delete once its file is there.

        The checkpoint itself records the list before deletion, so that a run killed before it
        could delete does so when it is resumed (``before_train`` of the parent).
        """
        if self.max_keep_ckpts <= 0 or step in self.keep_ckpt_ids:
            return []
        steps = list(self.keep_ckpt_ids) + [step]
        runner.message_hub.update_info('keep_ckpt_ids', steps)
        self.keep_ckpt_ids.append(step)  # a deque of max_keep_ckpts: drops the oldest
        return steps[:-self.max_keep_ckpts]

    def _save_best_checkpoint(self, runner, metrics: Dict) -> None:
        if not self.save_best:
            return
        if not self.atomic:
            super()._save_best_checkpoint(runner, metrics)
            return
        if 'auto' in self.key_indicators:
            self._init_rule(self.rules, [next(iter(metrics))])
        # after_val_epoch runs when the loop has already counted this iteration or epoch
        step = runner.epoch if self.by_epoch else runner.iter
        improved = [self._save_if_best(runner, key, rule, metrics, step)
                    for key, rule in zip(self.key_indicators, self.rules)]
        if any(improved) and self.last_ckpt is not None:
            # again, so that the resumable checkpoint knows the best score and its file
            self._save_checkpoint_with_step(
                runner, step, dict(epoch=runner.epoch, iter=runner.iter))
        for old in improved:
            if old and is_main_process() and old not in self._best_files():
                _remove(old)

    def _save_if_best(self, runner, key: str, rule: str, metrics: Dict, step: int):
        """Save if ``key`` has improved; returns the file this supersedes ('' if none) or None."""
        hub, alone = runner.message_hub, len(self.key_indicators) == 1
        if key not in metrics:
            raise KeyError(f'save_best={key!r} is not among the metrics {sorted(metrics)}')
        score_name = 'best_score' if alone else f'best_score_{key}'
        file_name = 'best_ckpt' if alone else f'best_ckpt_{key}'
        best = (hub.get_info(score_name) if score_name in hub.runtime_info else
                self.init_value_map[rule])
        score = metrics[key]
        if score is None or not self.is_better_than[key](score, best):
            return None
        previous = self.best_ckpt_path if alone else self.best_ckpt_path_dict.get(key)
        name = f'best_{key}_{self.filename_tmpl.format(step)}'.replace('/', '_')
        path = osp.join(self.out_dir, name)
        hub.update_info(score_name, score)
        hub.update_info(file_name, path)
        if alone:
            self.best_ckpt_path = path
        else:
            self.best_ckpt_path_dict[key] = path
        self._write(runner, path, dict(epoch=runner.epoch, iter=runner.iter), False, False, False)
        runner.logger.info(f'best {key} so far, {score:0.4f}, saved to {name}')
        return previous if previous and previous != path else ''

    def _best_files(self) -> set:
        if len(self.key_indicators) == 1:
            return {self.best_ckpt_path}
        return set(self.best_ckpt_path_dict.values())

    def _write(self, runner, path: str, meta: dict, save_optimizer: bool, save_scheduler: bool,
               by_epoch: bool, **kwargs) -> None:
        temporary = temporary_path(path)
        runner.save_checkpoint(
            osp.dirname(path), temporary.name, self.file_client_args,
            save_optimizer=save_optimizer, save_param_scheduler=save_scheduler, meta=meta,
            by_epoch=by_epoch, backend_args=self.backend_args, **kwargs)
        if is_main_process():
            move_into_place(temporary, path)

    @master_only
    def _publish_model(self, runner, ckpt_path: Optional[str]) -> None:
        if not self.atomic:
            super()._publish_model(runner, ckpt_path)
            return
        checkpoint = load_checkpoint_safely(ckpt_path)
        kept = {k: v for k, v in checkpoint.items() if k in self.published_keys}
        buffer = io.BytesIO()
        torch.save(kept, buffer)
        digest = hashlib.sha256(buffer.getbuffer()).hexdigest()[:8]
        final = f'{osp.splitext(ckpt_path)[0]}-{digest}.pth'
        write_atomic(final, buffer.getbuffer())
        runner.logger.info(f'{ckpt_path} is published as {final}')


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except FileNotFoundError:
        pass
